//! The project's own source, as the house tests read it.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub struct File {
    /// Relative to the repository.
    pub path: PathBuf,
    pub text: String,
}

impl File {
    /// The module that it is, as path segments: `src/keys/files.rs` is `keys`, `files`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src").unwrap_or(&self.path).with_extension("");
        let mut segments: Vec<String> =
            inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if segments.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            segments.pop();
        }
        segments
    }

    /// Whether only tests are in it.
    fn is_test(&self) -> bool {
        !self.path.starts_with("src") || self.module().iter().any(|part| part == "tests")
    }

    /// The lines with their numbers and without comments. A `//` in a string
    /// cuts the line, which at worst hides what is behind it.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)))
    }

    /// The code that is not a test's: what stands before `mod tests {`.
    pub fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| *line != "mod tests {").filter(|_| !self.is_test())
    }

    /// `src/x.rs:7`, for a complaint.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The repository: Cargo runs tests in it. A path that is compiled in would be another
/// checkout's when two share a target folder.
pub fn root() -> &'static Path {
    Path::new(".")
}

/// Every Rust file of these folders.
pub fn files(folders: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found.sort();
    assert!(!found.is_empty(), "no Rust file below {}", root().display());
    found
        .into_iter()
        .map(|path| File {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root()).unwrap().to_owned(),
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    // Folders such as benches/ come with later steps.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Fails with everything that was found, one complaint a line.
#[track_caller]
pub fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
