//! Bytes of a file as UTF-8 text: decompressed and decoded while they stream.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use windvane_connect::disk::failure;
use windvane_core::error::{Error, Result};

pub(super) type Bytes = Box<dyn Read + Send>;

/// Stands for bytes that are no text; never part of UTF-8, so the row that holds it is refused.
const BROKEN: u8 = 0xFF;
/// The byte order mark of UTF-8.
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
const CHUNK: usize = 64 << 10;
/// How much of a file the encoding is judged by.
pub(super) const SAMPLE: usize = 4 << 20;

/// The file's bytes, decompressed when its first bytes say gzip or zstd (whatever its name says).
pub(super) fn open(path: &Path) -> Result<Bytes> {
    let mut file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(|error| failure(path, "read", &error))?;
    let whole = io::Cursor::new(magic.clone()).chain(file);
    Ok(match magic.as_slice() {
        [0x1F, 0x8B, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(whole))),
        [0x28, 0xB5, 0x2F, 0xFD] => {
            let decoder = zstd::stream::read::Decoder::new(whole).map_err(|error| failure(path, "read", &error))?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    })
}

/// Whether the file is compressed, by its first bytes.
pub(super) fn is_compressed(path: &Path) -> bool {
    let mut magic = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut magic));
    read.is_ok() && (magic.starts_with(&[0x1F, 0x8B]) || magic == [0x28, 0xB5, 0x2F, 0xFD])
}

/// Where the text of a file begins that needs no decompressing and no decoding; nothing for other files.
pub(super) fn plain_from(path: &Path, encoding: &str) -> Result<Option<u64>> {
    if named(encoding)? != UTF_8 || is_compressed(path) {
        return Ok(None);
    }
    let mut first = Vec::new();
    let file = File::open(path).map_err(|error| failure(path, "opened", &error))?;
    file.take(MARK.len() as u64).read_to_end(&mut first).map_err(|error| failure(path, "read", &error))?;
    Ok(Some(if first == MARK { MARK.len() as u64 } else { 0 }))
}

/// The first bytes of a file, decompressed; whether they are all of it.
pub(super) fn head(path: &Path, length: usize) -> Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let limit = length as u64;
    open(path)?.take(limit).read_to_end(&mut bytes).map_err(|error| failure(path, "read", &error))?;
    let whole = bytes.len() < length;
    Ok((bytes, whole))
}

/// The encoding of a sample. Mostly good UTF-8 is UTF-8, so that a few stray bytes cost their rows only.
pub(super) fn detect(sample: &[u8], whole: bool) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(sample) {
        return encoding;
    }
    if let Some(encoding) = without_mark(sample) {
        return encoding;
    }
    let (good, bad) = multibyte(sample, whole);
    if bad == 0 || good > bad {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, whole);
    detector.guess(None, Utf8Detection::Deny)
}

/// UTF-16 of mostly Western text has a NUL in every second byte.
fn without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let sample = sample.get(..sample.len().min(4096))?;
    let nuls = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), sample.len() / 2);
    match half {
        0 => None,
        _ if odd * 10 > half * 7 && even * 10 < half => Some(UTF_16LE),
        _ if even * 10 > half * 7 && odd * 10 < half => Some(UTF_16BE),
        _ => None,
    }
}

/// How many characters beyond ASCII are good UTF-8, and how many places are not UTF-8 at all.
fn multibyte(sample: &[u8], whole: bool) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let mut chunks = sample.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        // The end of the sample may cut a character in two.
        let cut = chunks.peek().is_none() && !whole && chunk.invalid().len() < 4;
        bad += usize::from(!chunk.invalid().is_empty() && !cut);
    }
    (good, bad)
}

/// The encoding that a WHATWG label means.
pub(super) fn named(label: &str) -> Result<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        Error::spec(format!("'{label}' is not an encoding"))
            .hint("Use a WHATWG label such as utf-8, windows-1252, iso-8859-2, utf-16le or shift_jis")
    })
}

/// The file as UTF-8, without a byte order mark; bytes that are no text become [`BROKEN`].
pub(super) fn text(path: &Path, encoding: &'static Encoding) -> Result<Bytes> {
    decoded(open(path)?, encoding).map_err(|error| failure(path, "read", &error))
}

/// Bytes of this encoding as UTF-8, without a byte order mark.
pub(super) fn decoded(mut input: Bytes, encoding: &'static Encoding) -> io::Result<Bytes> {
    if encoding != UTF_8 {
        let decoder = encoding.new_decoder_with_bom_removal();
        return Ok(Box::new(Decoding {
            input,
            decoder,
            pending: Vec::new(),
            done: 0,
            ready: Vec::new(),
            given: 0,
            ended: false,
        }));
    }
    // UTF-8 passes as it is: whoever takes rows checks them.
    let mut first = Vec::new();
    input.by_ref().take(3).read_to_end(&mut first)?;
    if first == MARK {
        first.clear();
    }
    Ok(Box::new(io::Cursor::new(first).chain(input)))
}

struct Decoding {
    input: Bytes,
    decoder: encoding_rs::Decoder,
    pending: Vec<u8>,
    done: usize,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl Decoding {
    /// Decodes the next chunk into `ready`.
    fn advance(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        if self.done == self.pending.len() {
            self.pending.clear();
            self.done = 0;
            let got = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.pending)?;
            self.ended = got == 0;
        }
        self.ready.resize(CHUNK * 3 + 16, 0);
        let source = self.pending.get(self.done..).unwrap_or_default();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(source, &mut self.ready, self.ended);
        self.done += read;
        self.ready.truncate(written);
        match result {
            DecoderResult::Malformed(_, _) => {
                self.ready.push(BROKEN);
                // The decoder may only be asked again when it has not finished.
                self.ended = false;
            }
            DecoderResult::OutputFull => self.ended = false,
            DecoderResult::InputEmpty => {}
        }
        Ok(())
    }
}

impl Read for Decoding {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            self.advance()?;
        }
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}
