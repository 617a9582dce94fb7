//! One part file of a load: Parquet, CSV or JSON lines, plain or compressed.

use super::encode::Encoder;
use super::lines::{Decimals, csv_field, csv_lines, json_lines};
use arrow::array::RecordBatch;
use flate2::write::GzEncoder;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::errors::ParquetError;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use windvane_connect::FoundKind;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Kind, Result};
use windvane_core::schema::{Schema, arrow::native_types, native::to_native};
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
