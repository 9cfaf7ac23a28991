//! The files under a path, always in the same order.

use std::fs;
use std::path::{Path, PathBuf};

use crate::refusal::{Refusal, Skipped};

/// The files to read and the entries left out.
pub(crate) struct Files {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Lists the regular files under `root`, by folder and then by the bytes of their names.
///
/// Links to folders are not followed (they may lead back), hidden names and special files are
/// named and left out. No recursion: a deep tree costs memory, not stack.
pub(crate) fn list(root: &Path) -> Result<Files, Skipped> {
    let metadata = fs::metadata(root).map_err(|error| Skipped::file(root, error.into()))?;
    let mut files = Files {
        paths: Vec::new(),
        skipped: Vec::new(),
    };
    if metadata.is_file() {
        files.paths.push(root.to_owned());
        return Ok(files);
    }
    if !metadata.is_dir() {
        return Err(Skipped::file(root, Refusal::NotAFile));
    }
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        match sorted(&folder) {
            Ok(paths) => paths
                .into_iter()
                .for_each(|path| place(path, &mut files, &mut folders)),
            Err(error) if folder == root => return Err(Skipped::file(root, error.into())),
            Err(error) => files.skipped.push(Skipped::file(&folder, error.into())),
        }
    }
    files.paths.sort();
    files.skipped.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(files)
}

fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn place(path: PathBuf, files: &mut Files, folders: &mut Vec<PathBuf>) {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().first() == Some(&b'.'));
    if hidden {
        return files.skipped.push(Skipped::file(&path, Refusal::Hidden));
    }
    match (fs::symlink_metadata(&path), fs::metadata(&path)) {
        (Ok(link), Ok(target)) if link.is_symlink() && target.is_dir() => {
            files
                .skipped
                .push(Skipped::file(&path, Refusal::LinkedFolder));
        }
        (_, Ok(target)) if target.is_dir() => folders.push(path),
        (_, Ok(target)) if target.is_file() => files.paths.push(path),
        (_, Ok(_)) => files.skipped.push(Skipped::file(&path, Refusal::NotAFile)),
        (_, Err(error)) => files.skipped.push(Skipped::file(&path, error.into())),
    }
}
