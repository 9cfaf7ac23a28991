//! A snapshot's bytes: the magic, then frames. A frame is its length (u32, little-endian) and so many bytes; the first is the head,
//! each further one a part, and an empty one is the end. Nothing follows it.

use std::io::{self, Read, Write};

use consilium_ledger::SNAPSHOT_MAGIC;

use crate::error::RestoreError;

/// Writes frames.
pub(super) struct FrameWriter<W>(W);

impl<W: Write> FrameWriter<W> {
    pub(super) fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(SNAPSHOT_MAGIC)?;
        Ok(Self(out))
    }

    pub(super) fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.0.write_all(&length.to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// Writes the end.
    pub(super) fn end(mut self) -> io::Result<W> {
        self.frame(&[])?;
        Ok(self.0)
    }
}

/// Reads frames, of `left` more bytes at the most.
pub(super) struct FrameReader<R> {
    source: R,
    most: u64,
    left: u64,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn begin(source: R, most: u64) -> Result<Self, RestoreError> {
        let left = most;
        let mut frames = Self { source, most, left };
        let mut magic = [0; SNAPSHOT_MAGIC.len()];
        frames.read(&mut magic)?;
        match magic == *SNAPSHOT_MAGIC {
            true => Ok(frames),
            false => Err(RestoreError::NotASnapshot),
        }
    }

    /// The next frame; none at the end. Its length is checked before anything is allocated.
    pub(super) fn frame(&mut self, most: usize) -> Result<Option<Vec<u8>>, RestoreError> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > most {
            return Err(RestoreError::Part {
                found: length,
                most,
            });
        }
        if length == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        self.read(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Nothing may follow the end.
    pub(super) fn finish(mut self) -> Result<(), RestoreError> {
        let mut one = [0];
        loop {
            match self.source.read(&mut one) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(RestoreError::Trailing),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RestoreError::Read(error)),
            }
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), RestoreError> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(RestoreError::TooLong { most: self.most })?;
        self.source
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => RestoreError::CutOff,
                _ => RestoreError::Read(error),
            })
    }
}
