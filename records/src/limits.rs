//! How much is read, and how deep.
//!
//! Every size from outside is bounded before memory is taken for it. The defaults hold for an
//! ordinary workstation; a caller with other needs passes its own [`Limits`].

/// The deepest nesting of arrays and objects that is read.
///
/// FHIR R4 resources nest a dozen levels; `serde_json` refuses 128. Staying below that turns its
/// error into ours, which names the byte.
pub const MAX_DEPTH: usize = 100;

/// Bounds on what reading may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    document_bytes: u64,
    held_bytes: u64,
    inflated_image_bytes: u64,
}

impl Limits {
    /// One JSON document, or one line of NDJSON, after decompression: 64 MiB.
    pub const DOCUMENT_BYTES: u64 = 64 << 20;
    /// All resources held while patients are put together across files: 1 GiB.
    pub const HELD_BYTES: u64 = 1 << 30;
    /// One gzipped DICOM file after decompression: 16 GiB. It is streamed, so this bounds time.
    pub const INFLATED_IMAGE_BYTES: u64 = 16 << 30;

    /// The same limits with another size for one document, in bytes after decompression.
    #[must_use]
    pub fn with_document_bytes(self, document_bytes: u64) -> Self {
        Self {
            document_bytes,
            ..self
        }
    }

    /// The same limits with another size for the resources held at once, in bytes.
    #[must_use]
    pub fn with_held_bytes(self, held_bytes: u64) -> Self {
        Self { held_bytes, ..self }
    }

    /// The largest JSON document or NDJSON line, in bytes after decompression.
    #[must_use]
    pub fn document_bytes(&self) -> u64 {
        self.document_bytes
    }

    /// The most bytes of resources held while patients are put together across files.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// The largest gzipped or deflated DICOM file, in bytes after decompression.
    #[must_use]
    pub fn inflated_image_bytes(&self) -> u64 {
        self.inflated_image_bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: Self::DOCUMENT_BYTES,
            held_bytes: Self::HELD_BYTES,
            inflated_image_bytes: Self::INFLATED_IMAGE_BYTES,
        }
    }
}
