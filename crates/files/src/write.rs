//! One part file of a load: Parquet, CSV or JSON lines, plain or compressed.

use super::encode::Encoder;
use super::{failure, text::texts};
use arrow::array::{Array, RecordBatch, StringArray};
use flate2::write::GzEncoder;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use windvane_connect::FoundKind;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{DataType, Schema, arrow::native_types, native::to_native};
use windvane_core::spec::target::Compression;

/// A file being written.
pub(super) struct PartFile {
    path: PathBuf,
    schema: Schema,
    form: Form,
}

enum Form {
    Parquet(Encoder),
    Csv(Sink),
    Jsonl(Sink),
}

enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

/// The ending of a part of this kind; `unsupported` where the kind cannot be compressed so.
pub(super) fn ending(kind: FoundKind, compression: Option<Compression>) -> Result<&'static str> {
    let refused = |what: &str| {
        Err(Error::unsupported(what.to_owned())
            .hint("Parquet takes none, snappy and zstd; text takes none, gzip and zstd"))
    };
    match (kind, compression) {
        (FoundKind::Parquet, Some(Compression::Gzip)) => refused("Parquet is not written with gzip"),
        (FoundKind::Parquet, None | Some(Compression::None | Compression::Zstd | Compression::Snappy)) => Ok("parquet"),
        (FoundKind::Csv | FoundKind::Jsonl, Some(Compression::Snappy)) => refused("text is not written with snappy"),
        (FoundKind::Csv, None | Some(Compression::None)) => Ok("csv"),
        (FoundKind::Csv, Some(Compression::Gzip)) => Ok("csv.gz"),
        (FoundKind::Csv, Some(Compression::Zstd)) => Ok("csv.zst"),
        (FoundKind::Jsonl, None | Some(Compression::None)) => Ok("jsonl"),
        (FoundKind::Jsonl, Some(Compression::Gzip)) => Ok("jsonl.gz"),
        (FoundKind::Jsonl, Some(Compression::Zstd)) => Ok("jsonl.zst"),
        (FoundKind::Table | FoundKind::View, _) => Err(Error::internal("a table is not a kind of file")),
    }
}

impl PartFile {
    pub(super) fn create(
        path: &Path,
        kind: FoundKind,
        compression: Option<Compression>,
        schema: &Schema,
    ) -> Result<Self> {
        let file = File::create(path).map_err(|error| failure(path, "written", &error))?;
        let mut form = match kind {
            FoundKind::Parquet => Form::Parquet(encoder(path, file, compression, schema)?),
            FoundKind::Csv => {
                Form::Csv(Sink::new(file, compression).map_err(|error| failure(path, "written", &error))?)
            }
            FoundKind::Jsonl => {
                Form::Jsonl(Sink::new(file, compression).map_err(|error| failure(path, "written", &error))?)
            }
            FoundKind::Table | FoundKind::View => return Err(Error::internal("a table is not a kind of file")),
        };
        if let Form::Csv(sink) = &mut form {
            let mut line = Vec::new();
            for (at, name) in schema.names().enumerate() {
                csv_field(&mut line, at, Some(name));
            }
            line.push(b'\n');
            sink.write_all(&line).map_err(|error| failure(path, "written", &error))?;
        }
        Ok(Self { path: path.to_owned(), schema: schema.clone(), form })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let bytes = match &mut self.form {
            Form::Parquet(writer) => {
                return writer
                    .write(&to_native(batch, &self.schema)?)
                    .map_err(|error| parquet_failure(&self.path, &error));
            }
            Form::Csv(_) => csv_lines(batch, &self.schema)?,
            Form::Jsonl(_) => json_lines(batch, &self.schema, Decimals::Numbers)?,
        };
        match &mut self.form {
            Form::Csv(sink) | Form::Jsonl(sink) => {
                sink.write_all(&bytes).map_err(|error| failure(&self.path, "written", &error))
            }
            Form::Parquet(_) => Ok(()),
        }
    }

    /// Everything is on the disk afterwards.
    pub(super) fn finish(self) -> Result<()> {
        let file = match self.form {
            Form::Parquet(writer) => writer.finish().map_err(|error| parquet_failure(&self.path, &error))?,
            Form::Csv(sink) | Form::Jsonl(sink) => {
                sink.finish().map_err(|error| failure(&self.path, "written", &error))?
            }
        };
        file.sync_all().map_err(|error| failure(&self.path, "written", &error))
    }
}

fn encoder(path: &Path, file: File, compression: Option<Compression>, schema: &Schema) -> Result<Encoder> {
    let codec = match compression {
        Some(Compression::None) => Codec::UNCOMPRESSED,
        Some(Compression::Snappy) => Codec::SNAPPY,
        None | Some(Compression::Zstd | Compression::Gzip) => Codec::ZSTD(ZstdLevel::default()),
    };
    Encoder::start(file, native_types(schema), codec, true).map_err(|error| parquet_failure(path, &error))
}

fn parquet_failure(path: &Path, error: &ParquetError) -> Error {
    if let ParquetError::External(inner) = error
        && let Some(io) = inner.downcast_ref::<io::Error>()
    {
        return failure(path, "written", io);
    }
    Error::new(Kind::Unavailable, "the Parquet file could not be written")
        .in_file(path.display().to_string())
        .caused_by(error)
        .hint("Is there enough room, and may the folder be written?")
}

impl Sink {
    fn new(file: File, compression: Option<Compression>) -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 << 10, file);
        Ok(match compression {
            Some(Compression::Gzip) => Self::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Some(Compression::Zstd) => Self::Zstd(zstd::stream::write::Encoder::new(file, 0)?),
            None | Some(Compression::None | Compression::Snappy) => Self::Plain(file),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<File> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

fn columns_as_texts(batch: &RecordBatch, schema: &Schema) -> Result<Vec<StringArray>> {
    batch.columns().iter().zip(&schema.fields).map(|(column, field)| texts(column, field.data_type)).collect()
}

fn csv_lines(batch: &RecordBatch, schema: &Schema) -> Result<Vec<u8>> {
    let columns = columns_as_texts(batch, schema)?;
    // Numbers, days and the like hold nothing that needs quotes.
    let simple = |data_type| !matches!(data_type, DataType::Text | DataType::Json | DataType::Uuid);
    let columns: Vec<(StringArray, bool)> =
        columns.into_iter().zip(&schema.fields).map(|(texts, field)| (texts, simple(field.data_type))).collect();
    // Other readers pass over an empty line: the null of a single column is `""` where that cannot be an empty text.
    let alone = columns.len() == 1 && schema.fields.iter().all(|field| field.data_type != DataType::Text);
    let mut out = Vec::with_capacity(columns.iter().map(|(texts, _)| texts.value_data().len() + texts.len()).sum());
    for row in 0..batch.num_rows() {
        for (at, (column, simple)) in columns.iter().enumerate() {
            let text = column.is_valid(row).then(|| column.value(row)).or(alone.then_some(""));
            if *simple && !(alone && text == Some("")) {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(text.unwrap_or_default().as_bytes());
            } else {
                csv_field(&mut out, at, text);
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// RFC 4180. Null is empty, the empty text is `""`.
fn csv_field(out: &mut Vec<u8>, at: usize, text: Option<&str>) {
    if at > 0 {
        out.push(b',');
    }
    let Some(text) = text else { return };
    let odd = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let edge = text.starts_with([' ', '\t', '\u{feff}']) || text.ends_with([' ', '\t']);
    if !text.is_empty() && !edge && !text.bytes().any(odd) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// How JSON holds decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimals {
    /// With all their digits: files, whose readers know them as numbers.
    Numbers,
    /// For what reads all numbers as doubles.
    Texts,
}

/// One JSON object a line; JSON columns hold their value.
pub fn json_lines(batch: &RecordBatch, schema: &Schema, decimals: Decimals) -> Result<Vec<u8>> {
    let columns = columns_as_texts(batch, schema)?;
    let keys: Vec<Vec<u8>> = schema.names().map(json_text).collect::<Result<_>>()?;
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        out.push(b'{');
        for (at, ((column, field), key)) in columns.iter().zip(&schema.fields).zip(&keys).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            out.push(b':');
            if column.is_null(row) {
                out.extend_from_slice(b"null");
            } else {
                json_value(&mut out, column.value(row), field.data_type, decimals)?;
            }
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

fn json_value(out: &mut Vec<u8>, text: &str, data_type: DataType, decimals: Decimals) -> Result<()> {
    match data_type {
        DataType::Boolean | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Decimal { .. } if decimals == Decimals::Numbers => out.extend_from_slice(text.as_bytes()),
        DataType::Float32 | DataType::Float64 if !text.ends_with(['N', 'y']) => out.extend_from_slice(text.as_bytes()),
        // Line ends between tokens would end the row; inside of texts JSON has none.
        DataType::Json => out.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })),
        DataType::Float32
        | DataType::Float64
        | DataType::Decimal { .. }
        | DataType::Text
        | DataType::Binary
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Uuid => {
            // Most texts are themselves between quotes.
            if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
                out.extend(json_text(text)?);
            } else {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
        }
    }
    Ok(())
}

fn json_text(text: &str) -> Result<Vec<u8>> {
    serde_json::to_vec(text).map_err(|error| Error::internal("a text could not be written as JSON").caused_by(&error))
}
