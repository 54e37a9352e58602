//! What can be wrong with a bundle, told so that its author can mend it.

/// Why a bundle of policies cannot be used. The messages quote the bundle, which holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file says something that cannot be.
    #[error("{file}:{line}: {reason}")]
    Invalid {
        /// The file, relative to the bundle's folder.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong and, where it helps, what is allowed.
        reason: String,
    },
    /// A file that every bundle must have is not there.
    #[error("{file}: the bundle has no such file")]
    MissingFile {
        /// The file, relative to the bundle's folder.
        file: &'static str,
    },
    /// A file of no known kind, which might be a rule that would silently not apply.
    #[error(
        "{file}: a bundle holds purposes.toml, schema.cedarschema, NAME.cedar and NAME.cases.toml only"
    )]
    UnknownFile {
        /// The file, relative to the bundle's folder.
        file: String,
    },
}

impl PolicyError {
    /// An error at the byte `offset` of `text`, which is the content of `file`.
    pub(super) fn at(file: &str, text: &str, offset: usize, reason: impl Into<String>) -> Self {
        Self::Invalid { file: file.to_owned(), line: line_of(text, offset), reason: reason.into() }
    }

    /// An error that toml found in `file`.
    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(file, text, offset, error.message())
    }
}

/// The line, counted from 1, in which the byte `offset` lies.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
