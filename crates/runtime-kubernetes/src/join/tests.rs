use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder as the kubelet mounts it, and one to write to. Both go when the test ends.
struct Folders(PathBuf);

impl Folders {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("join-files-{}-{number}", std::process::id()));
        let folders = Self(root);
        // As the kubelet does it: a folder that can be swapped, and links into it.
        let data = folders.from().join("..data");
        for folder in [RECIPES, SECRETS] {
            fs::create_dir_all(data.join(folder)).unwrap();
            std::os::unix::fs::symlink(data.join(folder), folders.from().join(folder)).unwrap();
        }
        fs::create_dir_all(folders.to()).unwrap();
        folders
    }

    fn from(&self) -> PathBuf {
        self.0.join("from")
    }

    fn to(&self) -> PathBuf {
        self.0.join("to")
    }

    fn recipe(&self, name: &str, mode: u32, segments: &[Segment]) {
        let parts = segments.iter().map(Part::from).collect();
        let recipe = Recipe { field: format!("spec.containers.web.files[\"/{name}\"]"), mode, parts };
        fs::write(self.from().join(RECIPES).join(name), serde_json::to_vec(&recipe).unwrap()).unwrap();
    }

    fn secret(&self, key: &str, content: impl AsRef<[u8]>) {
        fs::write(self.from().join(SECRETS).join(secret_file(&reference(key))), content).unwrap();
    }

    fn join(&self) -> Result<(), Error> {
        join(&self.from(), &self.to())
    }

    /// The bytes and the mode of what came out.
    fn joined(&self, name: &str) -> (Vec<u8>, u32) {
        let file = self.to().join(name);
        (fs::read(&file).unwrap_or_default(), fs::metadata(&file).unwrap().permissions().mode() & 0o7777)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.to()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn reference(key: &str) -> SecretKeyRef {
    SecretKeyRef { name: "db".into(), key: key.into() }
}

fn text(text: &str) -> Segment {
    Segment::Value(text.into())
}

fn secret(key: &str) -> Segment {
    Segment::SecretKeyRef(reference(key))
}

#[test]
fn text_and_secrets_are_joined_in_order_byte_by_byte() {
    let folders = Folders::new();
    folders.secret("user", "ann");
    folders.secret("password", [0xff, 0x00, b'\n']);
    folders.recipe(
        "db.conf",
        0o644,
        &[text("user=ä"), secret("user"), text("\r\npassword="), secret("password"), secret("user")],
    );
    folders.recipe("other", 0o644, &[secret("user"), text("!")]);
    folders.join().unwrap();
    assert_eq!(folders.joined("db.conf").0, b"user=\xc3\xa4ann\r\npassword=\xff\0\nann");
    assert_eq!(folders.joined("other").0, b"ann!");
    assert_eq!(folders.names(), ["db.conf", "other"]);
}

#[test]
fn the_mode_is_what_was_asked_for_whatever_the_umask() {
    for mode in [0o644, 0o600, 0o777, 0o440, 0o755, 0o666] {
        let folders = Folders::new();
        folders.recipe("file", mode, &[text("x")]);
        folders.join().unwrap();
        assert_eq!(folders.joined("file").1, mode, "{mode:o}");
    }
}

#[test]
fn what_an_earlier_attempt_left_is_replaced_even_if_nobody_may_write_it() {
    let folders = Folders::new();
    folders.secret("password", "old");
    folders.recipe("file", 0o400, &[text("p="), secret("password")]);
    folders.join().unwrap();
    fs::write(folders.to().join("..file"), "half").unwrap();
    folders.secret("password", "new");
    folders.join().unwrap();
    assert_eq!(folders.joined("file"), (b"p=new".to_vec(), 0o400));
    assert_eq!(folders.names(), ["file"]);
}

#[test]
fn an_output_that_is_gone_is_told_by_the_file_that_uses_it() {
    let folders = Folders::new();
    folders.secret("password", "hunter2");
    folders.recipe("file", 0o644, &[text("a"), secret("password"), secret("gone")]);
    let error = folders.join().unwrap_err();
    assert!(matches!(&error, Error::Missing { field } if field == "spec.containers.web.files[\"/file\"]"));
    assert_eq!(folders.names(), Vec::<String>::new(), "no half of a file");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_by_the_file() {
    let folders = Folders::new();
    folders.recipe("file", 0o644, &[text("a")]);
    fs::remove_dir_all(folders.to()).unwrap();
    assert!(matches!(folders.join(), Err(Error::Unwritable { field, .. }) if field.contains("/file")));
}

#[test]
fn what_is_no_recipe_is_an_error() {
    let folders = Folders::new();
    fs::write(folders.from().join(RECIPES).join("file"), "{\"parts\": []}").unwrap();
    assert!(matches!(folders.join(), Err(Error::Recipe(_))));
    fs::remove_file(folders.from().join(RECIPES)).unwrap();
    assert!(matches!(folders.join(), Err(Error::Recipes(_))));
}
