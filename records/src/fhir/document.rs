//! From bytes to JSON texts, checked before anything is built from them.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

use crate::limits::MAX_DEPTH;
use crate::refusal::Refusal;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text without its byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes)
}

/// One JSON value, not nested too deep; nothing is built.
pub(crate) fn check_json(bytes: &[u8]) -> Result<&str, Refusal> {
    let bytes = without_mark(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => return Err(Refusal::Empty),
        Some(b'<') => return Err(Refusal::Xml),
        Some(_) => {}
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Refusal::NotUtf8 {
            offset: error.valid_up_to(),
        })
        .map_err(|refusal| {
            if first == Some(&b'{') {
                refusal
            } else {
                not_json(1, 1)
            }
        })?;
    check_depth(bytes)?;
    serde_json::from_str::<&RawValue>(text)
        .map_err(|error| not_json(error.line(), error.column()))?;
    Ok(text)
}

fn not_json(line: usize, column: usize) -> Refusal {
    Refusal::NotJson { line, column }
}

/// Counts the open brackets outside of strings: no recursion, no memory.
fn check_depth(bytes: &[u8]) -> Result<(), Refusal> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (offset, byte) in bytes.iter().enumerate() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth = depth.saturating_add(1),
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::TooDeep {
                limit: MAX_DEPTH,
                offset,
            });
        }
    }
    Ok(())
}

/// Whether a text is one JSON value per line: more than one line, and the first is a whole value.
pub(crate) fn looks_like_lines(bytes: &[u8]) -> bool {
    let bytes = without_mark(bytes).trim_ascii();
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    bytes.first() == Some(&b'{')
        && bytes
            .get(..end)
            .is_some_and(|line| check_json(line).is_ok())
}

/// The lines of an NDJSON stream that are not blank, each bounded.
pub(crate) struct Lines<R> {
    reader: R,
    limit: u64,
    line: usize,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        Self {
            reader,
            limit,
            line: 0,
            ended: false,
        }
    }

    fn read(&mut self) -> io::Result<Option<Result<Vec<u8>, Refusal>>> {
        let mut bytes = Vec::new();
        let bound = self.limit.saturating_add(1);
        let read = Read::take(&mut self.reader, bound).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        if bytes.len() as u64 > self.limit {
            self.ended = true;
            return Ok(Some(Err(Refusal::TooLarge { limit: self.limit })));
        }
        Ok(Some(Ok(bytes)))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    /// The number of the line, from 1, and its bytes.
    type Item = (usize, Result<Vec<u8>, Refusal>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.read() {
                Ok(None) => self.ended = true,
                Ok(Some(Ok(bytes))) if without_mark(&bytes).trim_ascii().is_empty() => {}
                Ok(Some(line)) => return Some((self.line, line)),
                Err(error) => {
                    self.ended = true;
                    return Some((self.line.saturating_add(1), Err(read_error(&error))));
                }
            }
        }
        None
    }
}

/// A broken gzip stream and a broken disk are told apart by the kind of error.
pub(crate) fn read_error(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Refusal::Gzip
        }
        kind => Refusal::Io(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_accepted_and_the_wrong_place_is_named() {
        assert!(check_json(b"\xef\xbb\xbf {\"a\": 1}").is_ok());
        assert_eq!(check_json(b" \n "), Err(Refusal::Empty));
        assert_eq!(check_json(b"<Patient/>"), Err(Refusal::Xml));
        assert_eq!(check_json(b"{\n \"a\": 1,\n oops}"), Err(not_json(3, 2)));
        assert_eq!(
            check_json(b"{\"a\": \"\xff\"}"),
            Err(Refusal::NotUtf8 { offset: 7 })
        );
        assert_eq!(check_json(b"PK\x03\x04\xff"), Err(not_json(1, 1)));
        assert!(matches!(
            check_json(b"{} {}"),
            Err(Refusal::NotJson { line: 1, .. })
        ));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = format!("{{\"a\": \"{}\\\"[[\"}}", "[".repeat(1000));
        assert!(check_json(text.as_bytes()).is_ok());
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        let refused = Refusal::TooDeep {
            limit: MAX_DEPTH,
            offset: MAX_DEPTH,
        };
        assert_eq!(check_json(nested(MAX_DEPTH + 1).as_bytes()), Err(refused));
    }

    #[test]
    fn lines_are_told_from_one_document() {
        assert!(looks_like_lines(b"{\"a\":1}\n{\"a\":2}\n"));
        assert!(looks_like_lines(b"{\"a\":1}\r\noops"));
        assert!(!looks_like_lines(b"{\n\"a\":1}\n"));
        assert!(!looks_like_lines(b"{\"a\":1}\n"));
        let lines: Vec<_> =
            Lines::new(&b"\xef\xbb\xbf{}\n\n [] \n{\"long\": 1}\nx"[..], 8).collect();
        let numbers: Vec<_> = lines
            .iter()
            .map(|(line, result)| (*line, result.is_ok()))
            .collect();
        assert_eq!(numbers, [(1, true), (3, true), (4, false)]);
    }
}
