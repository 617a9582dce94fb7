//! How the columns of a Parquet file are encoded: judged by its first rows.

use ahash::RandomState;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use hashbrown::HashSet;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

/// A page ends after so many bytes or rows; small pages compress badly.
const PAGE_BYTES: usize = 1 << 20;
const PAGE_ROWS: usize = 1 << 17;
/// Values that are encoded between two looks at the page's size.
const STEP_ROWS: usize = 4096;
/// A dictionary pays when values repeat so often.
const REPEATS: usize = 5;

/// Of each column of a file that begins with these rows, whether its values repeat often enough for a dictionary.
pub(super) fn repeating(schema: &SchemaRef, first: &[RecordBatch]) -> Vec<bool> {
    let column = |at| first.iter().filter_map(move |batch: &RecordBatch| batch.columns().get(at));
    (0..schema.fields().len()).map(|at| repeats(column(at))).collect()
}

/// The properties of a file with these columns, some of which repeat.
pub(super) fn properties(schema: &SchemaRef, repeating: &[bool], codec: Compression, pruned: bool) -> WriterProperties {
    // Of a row group, not of each page: that is what readers skip by.
    let statistics = if pruned { EnabledStatistics::Chunk } else { EnabledStatistics::None };
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(codec)
        .set_statistics_enabled(statistics)
        .set_offset_index_disabled(true)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(STEP_ROWS);
    for (field, repeats) in schema.fields().iter().zip(repeating) {
        if !repeats {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    properties.build()
}

fn repeats<'a>(parts: impl Iterator<Item = &'a ArrayRef>) -> bool {
    let state = RandomState::with_seeds(1, 2, 3, 4);
    let mut seen: HashSet<u64, RandomState> = HashSet::with_hasher(RandomState::with_seeds(5, 6, 7, 8));
    let mut values = 0;
    for part in parts {
        values += part.len() - part.null_count();
        let mut add = |bytes: &[u8]| {
            seen.insert(state.hash_one(bytes));
        };
        match part.data_type() {
            DataType::Utf8 => part.as_string::<i32>().iter().flatten().for_each(|text| add(text.as_bytes())),
            DataType::Binary => part.as_binary::<i32>().iter().flatten().for_each(&mut add),
            other => {
                let Some(width) = other.primitive_width() else { return true };
                let data = part.to_data();
                let bytes = data.buffers().first().map(arrow::buffer::Buffer::as_slice).unwrap_or_default();
                bytes.chunks_exact(width).skip(data.offset()).take(part.len()).for_each(&mut add);
            }
        }
    }
    values == 0 || seen.len() * REPEATS <= values
}
