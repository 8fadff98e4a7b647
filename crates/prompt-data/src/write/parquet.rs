//! Parquet files, a row at a time.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// What a column of a [`ParquetWriter`] holds; each may have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParquetColumn {
    /// UTF-8 text.
    Text,
    /// Floating-point numbers of 64 bits.
    Number,
    /// Whole numbers of 64 bits.
    Whole,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum ParquetCell {
    /// A gap.
    Null,
    /// For a [`ParquetColumn::Text`].
    Text(String),
    /// For a [`ParquetColumn::Number`].
    Number(f64),
    /// For a [`ParquetColumn::Whole`].
    Whole(i64),
}

/// Writes rows with columns of the same names and kinds, compressed with Snappy; 16,384 rows are held and then written as
/// a group.
///
/// ```
/// use prompt_data::write::{ParquetCell as Cell, ParquetColumn as Column, ParquetWriter};
/// let columns = [("text".to_owned(), Column::Text), ("p".to_owned(), Column::Number)];
/// let mut out = ParquetWriter::new(Vec::new(), &columns).unwrap();
/// out.row([Cell::Text("Hello".into()), Cell::Number(0.25)]).unwrap();
/// out.row([Cell::Text("Bye".into()), Cell::Null]).unwrap();
/// let bytes = out.finish().unwrap();
/// assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
/// ```
pub struct ParquetWriter<W: Write + Send> {
    out: SerializedFileWriter<W>,
    columns: Vec<Held>,
    rows: usize,
}

/// The values of a column that wait for their group, without the gaps, and for each row whether it has one.
struct Held {
    values: Values,
    there: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
}

const GROUP: usize = 16_384;

impl<W: Write + Send> ParquetWriter<W> {
    /// Starts a file with these columns.
    ///
    /// # Errors
    /// What the stream says.
    pub fn new(out: W, columns: &[(String, ParquetColumn)]) -> io::Result<Self> {
        let field = |(name, column): &(String, ParquetColumn)| {
            let (physical, logical, converted) = match column {
                ParquetColumn::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), ConvertedType::UTF8),
                ParquetColumn::Number => (Physical::DOUBLE, None, ConvertedType::NONE),
                ParquetColumn::Whole => (Physical::INT64, None, ConvertedType::NONE),
            };
            let built = Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .with_converted_type(converted)
                .build();
            built.map(Arc::new)
        };
        let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>().map_err(to_io)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(to_io)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let out = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(to_io)?;
        let held = |column: &ParquetColumn| {
            let values = match column {
                ParquetColumn::Text => Values::Text(Vec::new()),
                ParquetColumn::Number => Values::Number(Vec::new()),
                ParquetColumn::Whole => Values::Whole(Vec::new()),
            };
            Held { values, there: Vec::new() }
        };
        Ok(Self { out, columns: columns.iter().map(|(_, column)| held(column)).collect(), rows: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// What the stream says; [`io::ErrorKind::InvalidInput`] for a row of another width or with a value of another kind.
    pub fn row(&mut self, cells: impl IntoIterator<Item = ParquetCell>) -> io::Result<()> {
        let mut width = 0;
        for cell in cells {
            let column = self.columns.get_mut(width).ok_or(io::ErrorKind::InvalidInput)?;
            width += 1;
            column.there.push(i16::from(cell != ParquetCell::Null));
            match (&mut column.values, cell) {
                (_, ParquetCell::Null) => {}
                (Values::Text(values), ParquetCell::Text(text)) => values.push(text.into_bytes().into()),
                (Values::Number(values), ParquetCell::Number(value)) => values.push(value),
                (Values::Whole(values), ParquetCell::Whole(value)) => values.push(value),
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        if width != self.columns.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.rows += 1;
        if self.rows == GROUP { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(());
        }
        let mut group = self.out.next_row_group().map_err(to_io)?;
        for Held { values, there } in &mut self.columns {
            let Some(mut column) = group.next_column().map_err(to_io)? else { break };
            match values {
                Values::Text(values) => {
                    column.typed::<ByteArrayType>().write_batch(values, Some(there), None).map_err(to_io)?;
                    values.clear();
                }
                Values::Number(values) => {
                    column.typed::<DoubleType>().write_batch(values, Some(there), None).map_err(to_io)?;
                    values.clear();
                }
                Values::Whole(values) => {
                    column.typed::<Int64Type>().write_batch(values, Some(there), None).map_err(to_io)?;
                    values.clear();
                }
            }
            there.clear();
            column.close().map_err(to_io)?;
        }
        group.close().map_err(to_io)?;
        Ok(())
    }

    /// Writes what is held and the index, without which the file cannot be read, and gives the stream back.
    ///
    /// # Errors
    /// What the stream says.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_group()?;
        self.out.into_inner().map_err(to_io)
    }
}

fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}
