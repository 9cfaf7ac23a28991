//! The bytes that stand under a signature: every part with its length before it, so that no two lists of parts are one message.

/// Collects parts; begun by [`Transcript::new`], ended by [`Transcript::finish`].
#[derive(Debug, Clone, Default)]
pub struct Transcript(Vec<u8>);

impl Transcript {
    /// No part yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `len64(part) || part`, the length big-endian.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;

    #[test]
    fn moving_a_byte_between_parts_changes_the_message() {
        let one = Transcript::new().part(b"ab").part(b"c").finish();
        let other = Transcript::new().part(b"a").part(b"bc").finish();
        assert_ne!(one, other);
        assert_ne!(
            one,
            Transcript::new().part(b"ab").part(b"c").part(b"").finish()
        );
    }
}
