"""A workbook as a spreadsheet program writes it.

usage: python make.py    writes people.xlsx beside this file (openpyxl 3.1.5)
"""
import datetime
import pathlib

import openpyxl

book = openpyxl.Workbook()
sheet = book.active
sheet.append(["name", "age", "since", "member", "code", "note"])
sheet.append(["Ada", 36, datetime.date(2024, 12, 5), True, "007", "one, \"two\""])
sheet.append(["Bo", 41.5, datetime.datetime(2023, 1, 2, 3, 4, 5), False, "012", None])
sheet.append([None, None, None, None, None, None])
sheet.append(["Cy", None, datetime.date(2022, 7, 31), True, "013", "three"])
sheet.cell(row=6, column=8, value="stray")
sheet.cell(row=6, column=1, value="Di")
book.create_sheet("other").append(["not", "read"])
book.save(pathlib.Path(__file__).parent / "people.xlsx")
