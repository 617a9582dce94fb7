//! Records of delimited text: what was written is read, by both ways, wherever the bytes are cut.

use super::*;
use proptest::prelude::*;

const PLAIN: Dialect =
    Dialect { delimiter: Some(b','), quote: Some(b'"'), escape: None, comment: None, strict: true, blank_rows: false };

/// Its fields, and whether each was quoted.
type Fields = Vec<(String, bool)>;

fn fields(record: &Record) -> Fields {
    (0..record.len()).map(|at| (String::from_utf8_lossy(record.field(at)).into_owned(), record.quoted(at))).collect()
}

/// Everything, one record at a time: those that are whole, and how many are broken.
fn slowly(bytes: &[u8], dialect: Dialect) -> (Vec<Fields>, usize) {
    let mut tokens = Tokenizer::new(bytes, dialect);
    let (mut record, mut all, mut broken) = (Record::default(), Vec::new(), 0);
    loop {
        match tokens.next(&mut record).unwrap() {
            Token::Record => all.push(fields(&record)),
            Token::Broken { .. } => broken += 1,
            Token::End => break,
        }
    }
    assert_eq!(tokens.consumed(), bytes.len() as u64);
    (all, broken)
}

/// The same, with ordinary records many at a time.
fn fast(bytes: &[u8], width: usize) -> (Vec<Fields>, usize) {
    let mut tokens = Tokenizer::new(bytes, PLAIN);
    let (mut record, mut spans, mut all, mut broken) = (Record::default(), Vec::new(), Vec::new(), 0);
    loop {
        if tokens.plain(width, 3, u64::MAX, &mut spans) > 0 {
            let shown = |span: &Span| {
                let text = String::from_utf8_lossy(span.of(tokens.buffer()).unwrap()).into_owned();
                (text, span.quoted)
            };
            all.extend(spans.chunks(width).map(|row| row.iter().map(shown).collect::<Fields>()));
            continue;
        }
        match tokens.next(&mut record).unwrap() {
            Token::Record => all.push(fields(&record)),
            Token::Broken { .. } => broken += 1,
            Token::End => return (all, broken),
        }
    }
}

/// Bytes of which nearly all mean something.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => prop::sample::select(b"ab ".to_vec()), 4 => prop::sample::select(b",,\"\n\n\r\\#\t".to_vec()), 1 => any::<u8>()];
    prop_oneof![prop::collection::vec(byte, 0..60), "([ab]{0,40},[ab\"]{0,30}\r?\n){0,6}".prop_map(String::into_bytes)]
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let delimiter = prop::sample::select(vec![Some(b','), Some(b'\t'), Some(b' '), None]);
    let quote = prop::sample::select(vec![Some(b'"'), Some(b'\''), None]);
    let escape = prop::sample::select(vec![None, Some(b'\\')]);
    let comment = prop::sample::select(vec![None, Some(b'#')]);
    (delimiter, quote, escape, comment, any::<bool>(), any::<bool>()).prop_map(
        |(delimiter, quote, escape, comment, strict, blank_rows)| Dialect {
            delimiter,
            quote,
            escape,
            comment,
            strict,
            blank_rows,
        },
    )
}

fn written(rows: &[Fields], end: &str, last: bool) -> String {
    let field = |(text, quoted): &(String, bool)| {
        if *quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
    };
    let lines: Vec<String> = rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(",")).collect();
    lines.join(end) + if last { end } else { "" }
}

fn field() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![("[^,\"\r\n]{0,8}", Just(false)), ("([a,\"\r\n]|\\PC){0,8}", Just(true))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(prop::collection::vec(field(), 2..5), 1..8),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]), last in any::<bool>(),
    ) {
        prop_assert_eq!(slowly(written(&rows, end, last).as_bytes(), PLAIN), (rows, 0));
    }

    #[test]
    fn the_fast_way_reads_what_the_slow_one_does(bytes in bytes(), width in 1_usize..4) {
        prop_assert_eq!(fast(&bytes, width), slowly(&bytes, PLAIN));
    }

    /// What is said of the first bytes stays true when more come.
    #[test]
    fn a_record_ends_where_it_ends_wherever_the_bytes_are_cut(bytes in bytes(), dialect in dialect(), at in any::<prop::sample::Index>()) {
        let (mut early, mut whole) = (Record::default(), Record::default());
        let cut = &bytes[..at.index(bytes.len() + 1)];
        if let Scan::Complete(used) = scan(cut, false, dialect, &mut early) {
            prop_assert_eq!(scan(&bytes, true, dialect, &mut whole), Scan::Complete(used));
            prop_assert_eq!(fields(&early), fields(&whole));
            prop_assert_eq!((early.loose(), early.torn(), early.escaped_quote()), (whole.loose(), whole.torn(), whole.escaped_quote()));
        }
    }

    #[test]
    fn no_byte_is_lost_in_any_dialect(bytes in bytes(), dialect in dialect()) {
        slowly(&bytes, dialect);
    }
}
