//! Bytes that are read in order, with values passed over without reading them where that is possible.

use std::fs::File;
use std::io::{self, BufReader, Read};

/// A stream in which values can be skipped.
pub(crate) trait Source: Read {
    /// Passes over `count` bytes; gives how many there were.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

/// Reads as much as there is, up to the whole buffer.
pub(crate) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A plain file: skipping is a seek, so that a value of gigabytes costs nothing.
pub(crate) struct FileSource {
    reader: BufReader<File>,
    left: u64,
}

impl FileSource {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let left = file.metadata()?.len();
        Ok(Self {
            reader: BufReader::new(file),
            left,
        })
    }
}

impl Read for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

impl Source for FileSource {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = count.min(self.left);
        self.reader
            .seek_relative(i64::try_from(count).map_err(io::Error::other)?)?;
        self.left = self.left.saturating_sub(count);
        Ok(count)
    }
}

/// A decompressed stream: skipping is reading, in constant memory, up to a limit.
pub(crate) struct StreamSource<R>(pub(crate) io::Take<R>);

impl<R: Read> Read for StreamSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if read == 0 && self.0.limit() == 0 && !buffer.is_empty() {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(read)
    }
}

impl<R: Read> Source for StreamSource<R> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut Read::take(&mut *self, count), &mut io::sink())
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        (**self).skip(count)
    }
}

/// Bytes that were read ahead, and the stream that goes on behind them.
pub(crate) struct Prefixed<S> {
    ahead: Vec<u8>,
    at: usize,
    source: S,
}

impl<S> Prefixed<S> {
    pub(crate) fn new(ahead: Vec<u8>, source: S) -> Self {
        Self {
            ahead,
            at: 0,
            source,
        }
    }

    fn ahead(&self) -> &[u8] {
        self.ahead.get(self.at..).unwrap_or_default()
    }
}

impl<S: Read> Read for Prefixed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ahead().read(buffer)? {
            0 => self.source.read(buffer),
            read => {
                self.at = self.at.saturating_add(read);
                Ok(read)
            }
        }
    }
}

impl<S: Source> Source for Prefixed<S> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let ahead = (self.ahead().len() as u64).min(count);
        self.at = self
            .at
            .saturating_add(usize::try_from(ahead).map_err(io::Error::other)?);
        let behind = self.source.skip(count.saturating_sub(ahead))?;
        Ok(ahead.saturating_add(behind))
    }
}
