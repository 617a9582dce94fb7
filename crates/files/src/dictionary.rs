//! Columns whose values repeat, each value as its number in a dictionary before them.
//!
//! The general writer of `parquet` does the same for all types; it hashes, counts and compares every value, which was most
//! of what a wide table cost. Here the smallest and the largest value are the dictionary's, and a number is found by its bits.

use super::dictionary_values::{Numbers, Texts};
use super::hybrid::{levels, pack};
use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// A page ends after so many rows.
const PAGE_ROWS: usize = 1 << 17;
/// A dictionary that is larger does not pay.
const LARGEST: usize = 1 << 20;
/// Longer texts are not told as the smallest or the largest.
const TOLD: usize = 64;

/// A column chunk that is being written.
pub(super) struct Dictionary {
    column: ColumnDescPtr,
    codec: Compression,
    pruned: bool,
    words: Words,
    /// Of the page that is being filled: the number of each value, and which rows have one.
    numbers: Vec<u32>,
    valid: BooleanBufferBuilder,
    nulls: usize,
    pages: Vec<(CompressedPage, usize)>,
}

enum Words {
    Int32(Numbers),
    Int64(Numbers),
    Texts(Texts),
}

impl Dictionary {
    /// Nothing for what only the general writer knows.
    pub(super) fn new(kind: &DataType, column: ColumnDescPtr, codec: Compression, pruned: bool) -> Option<Self> {
        let words = match kind {
            DataType::Int16 | DataType::Int32 | DataType::Date32 | DataType::Decimal128(..=9, _) => {
                Words::Int32(Numbers::new())
            }
            DataType::Int64
            | DataType::Time64(TimeUnit::Microsecond)
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::Decimal128(10..=18, _) => Words::Int64(Numbers::new()),
            DataType::Utf8 => Words::Texts(Texts::new()),
            _ => return None,
        };
        let known = matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_));
        let flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
        (known && flat).then(|| Self {
            column,
            codec,
            pruned,
            words,
            numbers: Vec::new(),
            valid: BooleanBufferBuilder::new(PAGE_ROWS),
            nulls: 0,
            pages: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, array: &ArrayRef) -> Result<()> {
        let mut from = 0;
        while from < array.len() {
            let count = (PAGE_ROWS - self.valid.len()).min(array.len() - from);
            self.add(&array.slice(from, count))?;
            from += count;
            if self.valid.len() == PAGE_ROWS {
                self.page()?;
            }
        }
        Ok(())
    }

    /// The dictionary has grown beyond what pays.
    pub(super) fn full(&self) -> bool {
        self.size() > LARGEST
    }

    fn size(&self) -> usize {
        match &self.words {
            Words::Int32(numbers) => numbers.values.len() * 4,
            Words::Int64(numbers) => numbers.values.len() * 8,
            Words::Texts(texts) => texts.page.len(),
        }
    }

    pub(super) fn memory_size(&self) -> usize {
        let pages: usize = self.pages.iter().map(|(page, _)| page.compressed_size()).sum();
        pages + self.size() * 2 + self.numbers.capacity() * 4
    }

    fn add(&mut self, array: &ArrayRef) -> Result<()> {
        match array.nulls() {
            Some(nulls) => self.valid.append_buffer(nulls.inner()),
            None => self.valid.append_n(array.len(), true),
        }
        self.nulls += array.null_count();
        let out = &mut self.numbers;
        let known = match (&mut self.words, array.data_type()) {
            (Words::Int32(words), DataType::Int16) => {
                words.number(primitive::<Int16Type>(array)?, |value| Some(value.into()), out)
            }
            (Words::Int32(words), DataType::Int32) => {
                words.number(primitive::<Int32Type>(array)?, |value| Some(value.into()), out)
            }
            (Words::Int32(words), DataType::Date32) => {
                words.number(primitive::<Date32Type>(array)?, |value| Some(value.into()), out)
            }
            (Words::Int32(words), _) => {
                let narrow = |value: i128| i32::try_from(value).ok().map(i64::from);
                words.number(primitive::<Decimal128Type>(array)?, narrow, out)
            }
            (Words::Int64(words), DataType::Int64) => words.number(primitive::<Int64Type>(array)?, Some, out),
            (Words::Int64(words), DataType::Time64(_)) => {
                words.number(primitive::<Time64MicrosecondType>(array)?, Some, out)
            }
            (Words::Int64(words), DataType::Timestamp(..)) => {
                words.number(primitive::<TimestampMicrosecondType>(array)?, Some, out)
            }
            (Words::Int64(words), _) => {
                words.number(primitive::<Decimal128Type>(array)?, |value| value.try_into().ok(), out)
            }
            (Words::Texts(words), _) => {
                words.number(array.as_string_opt().ok_or_else(other_type)?, out);
                true
            }
        };
        if known { Ok(()) } else { Err(broken("a decimal has more digits than its type")) }
    }

    /// Ends a page.
    fn page(&mut self) -> Result<()> {
        let valid = self.valid.finish();
        let rows = valid.len();
        let mut body = Vec::with_capacity(self.numbers.len() * 2);
        if self.column.max_def_level() == 1 {
            let whole = self.numbers.len() == rows;
            levels(&mut body, (!whole).then_some(&valid), rows);
        }
        let most = match &self.words {
            Words::Int32(numbers) | Words::Int64(numbers) => numbers.values.len(),
            Words::Texts(texts) => texts.spans.len(),
        };
        let width = u8::try_from(usize::BITS - most.saturating_sub(1).leading_zeros()).unwrap_or(0);
        body.push(width);
        pack(&mut body, &self.numbers, width);
        self.numbers.clear();
        let page = Page::DataPage {
            buf: self.compressed(&body)?,
            num_values: count(rows)?,
            encoding: Encoding::PLAIN_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.pages.push((CompressedPage::new(page, body.len()), rows));
        Ok(())
    }

    fn compressed(&self, body: &[u8]) -> Result<Bytes> {
        Ok(match self.codec {
            Compression::SNAPPY => snap::raw::Encoder::new().compress_vec(body).map_err(external)?.into(),
            Compression::ZSTD(level) => zstd::bulk::compress(body, level.compression_level()).map_err(external)?.into(),
            _ => Bytes::copy_from_slice(body),
        })
    }

    /// The chunk's bytes, and what stands of it in the file's footer.
    pub(super) fn close(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        if !self.valid.is_empty() {
            self.page()?;
        }
        let (values, plain): (usize, Vec<u8>) = match &self.words {
            Words::Int32(numbers) => {
                let narrow = |value: &i64| value.to_le_bytes().into_iter().take(4);
                (numbers.values.len(), numbers.values.iter().flat_map(narrow).collect())
            }
            Words::Int64(numbers) => {
                (numbers.values.len(), numbers.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Words::Texts(texts) => (texts.spans.len(), texts.page.clone()),
        };
        let dictionary = Page::DictionaryPage {
            buf: self.compressed(&plain)?,
            num_values: count(values)?,
            encoding: Encoding::PLAIN_DICTIONARY,
            is_sorted: false,
        };
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let first = writer.write_page(CompressedPage::new(dictionary, plain.len()))?;
        let (mut uncompressed, mut rows) = (first.uncompressed_size, 0);
        let pages = std::mem::take(&mut self.pages);
        let entry = |page_type, count| PageEncodingStats { page_type, encoding: Encoding::PLAIN_DICTIONARY, count };
        let data_pages = i32::try_from(pages.len()).unwrap_or(i32::MAX);
        let stats = vec![entry(PageType::DICTIONARY_PAGE, 1), entry(PageType::DATA_PAGE, data_pages)];
        for (page, own) in pages {
            uncompressed += writer.write_page(page)?.uncompressed_size;
            rows += own;
        }
        writer.close()?;
        let bytes = sink.into_inner()?;
        let size = |size: usize| i64::try_from(size).map_err(external);
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.codec)
            .set_encodings_mask(EncodingMask::new_from_encodings([Encoding::PLAIN_DICTIONARY, Encoding::RLE].iter()))
            .set_page_encoding_stats(stats)
            .set_total_compressed_size(size(bytes.len())?)
            .set_total_uncompressed_size(size(uncompressed)?)
            .set_num_values(size(rows)?)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(size(first.compressed_size)?);
        if self.pruned {
            metadata = metadata.set_statistics(self.statistics());
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes.into(), close))
    }

    fn statistics(&self) -> Statistics {
        let nulls = Some(self.nulls as u64);
        match &self.words {
            Words::Int32(numbers) => {
                let narrow = |value: &i64| i32::try_from(*value).ok();
                let (least, most) = (numbers.values.iter().min(), numbers.values.iter().max());
                let told = ValueStatistics::new(least.and_then(narrow), most.and_then(narrow), None, nulls, false);
                told.with_backwards_compatible_min_max(true).into()
            }
            Words::Int64(numbers) => {
                let (least, most) = (numbers.values.iter().min().copied(), numbers.values.iter().max().copied());
                let told = ValueStatistics::new(least, most, None, nulls, false);
                told.with_backwards_compatible_min_max(true).into()
            }
            Words::Texts(texts) => {
                let all = || (0..).zip(&texts.spans).map(|(number, _)| texts.text(number));
                let told = |text: &[u8]| (text.len() <= TOLD).then(|| ByteArray::from(text.to_vec()));
                let (least, most) = (all().min().and_then(told), all().max().and_then(told));
                ValueStatistics::new(least, most, None, nulls, false).into()
            }
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&PrimitiveArray<T>> {
    array.as_primitive_opt().ok_or_else(other_type)
}

fn other_type() -> ParquetError {
    broken("a column has another type than the file")
}

fn count(rows: usize) -> Result<u32> {
    u32::try_from(rows).map_err(external)
}

fn broken(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(error))
}
