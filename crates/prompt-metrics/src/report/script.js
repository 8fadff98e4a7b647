"use strict";
// Sorting: a click on a header brings the best to the top, another one the worst. Rows without a number stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const rising = before ? before === "descending" : head.dataset.first !== "down";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.key;
      const words = head.dataset.first === "text";
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
        const by = words ? x.localeCompare(y, "en") : Number(x) - Number(y);
        return rising ? by : -by;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}

// Filtering: rows by true class, by predicted class, by words of the prompt, as far as the form asks for them.
for (const box of document.querySelectorAll(".errors")) {
  const form = box.querySelector("form");
  const items = [...box.querySelectorAll("li, tbody tr")];
  const texts = items.map((item) => item.textContent.toLowerCase());
  const filter = () => {
    const { truth, called, words } = form.elements;
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, i) => {
      const fits =
        (!truth?.value || item.dataset.truth === truth.value) &&
        (!called?.value || item.dataset.called === called.value) &&
        wanted.every((word) => texts[i].includes(word));
      item.hidden = !fits;
      shown += fits;
    });
    form.querySelector("output").textContent = shown + " of " + items.length + " shown";
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
}

// Paper cannot be clicked: everything is open while printing.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
});
