//! The program: what it is given, what it may take, and what it says.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How much is read of what it prints.
const MOST_BYTES: u64 = 1024 * 1024;

/// Helm, and the folder that it works in.
#[derive(Debug)]
pub(super) struct Tool {
    binary: PathBuf,
    folder: PathBuf,
    count: AtomicUsize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ended {
    /// Well, and this was printed.
    Well(String),
    /// Not well, for this reason.
    Badly(String),
    /// Not in time.
    Late,
}

/// A folder that is gone afterwards.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "cannot remove a folder of Helm's");
        }
    }
}

impl Tool {
    /// Helm is at `binary`, and all that it writes goes below `folder`.
    pub(super) fn new(binary: PathBuf, folder: PathBuf) -> Self {
        let tool = Self { binary, folder, count: AtomicUsize::new(0) };
        // What a process that was killed has left there; there is nothing at first.
        drop(fs::remove_dir_all(tool.scratches()));
        tool
    }

    fn scratches(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// Where packages are kept.
    pub(super) fn packages(&self) -> PathBuf {
        self.folder.join("charts")
    }

    /// An empty folder.
    ///
    /// # Errors
    /// If there cannot be one.
    pub(super) fn scratch(&self) -> io::Result<Scratch> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.scratches().join(number.to_string());
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    /// Runs it with `arguments` in `home`, for no longer than `limit`.
    ///
    /// # Errors
    /// If it cannot be run.
    pub(super) fn run(&self, home: &Path, arguments: &[String], limit: Duration) -> io::Result<Ended> {
        let mut child = Command::new(&self.binary)
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            // It shares the memory of this process's container.
            .env("GOMEMLIMIT", "96MiB")
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let ended = wait(&mut child, limit);
        // Whatever came of it, nothing of it stays.
        drop(child.kill());
        let status = child.wait()?;
        Ok(match ended {
            Err(ended) => ended,
            Ok((printed, _)) if status.success() => Ended::Well(printed),
            Ok((_, complaint)) => Ended::Badly(complaint),
        })
    }
}

/// What `child` prints and what it complains of, once it has closed both.
fn wait(child: &mut Child, limit: Duration) -> Result<(String, String), Ended> {
    let (sender, receiver) = mpsc::channel();
    read(child.stdout.take(), true, &sender);
    read(child.stderr.take(), false, &sender);
    drop(sender);
    let (mut printed, mut complaint) = (Vec::new(), Vec::new());
    let deadline = Instant::now() + limit;
    for _ in 0..2 {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok((true, bytes)) => printed = bytes,
            Ok((false, bytes)) => complaint = bytes,
            Err(_) => return Err(Ended::Late),
        }
    }
    if printed.len() as u64 > MOST_BYTES {
        return Err(Ended::Badly(format!("its output has more than {MOST_BYTES} bytes")));
    }
    let printed = String::from_utf8(printed);
    let printed = printed.map_err(|_| Ended::Badly("its output is not text".to_owned()))?;
    Ok((printed, last_line(&String::from_utf8_lossy(&complaint))))
}

/// Reads all of `stream`, on a thread of its own: a pipe that nobody reads stops the program.
fn read<S: Read + Send + 'static>(stream: Option<S>, is_output: bool, sender: &Sender<(bool, Vec<u8>)>) {
    let sender = sender.clone();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What could be read until it broke is what there is.
            drop(stream.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        }
        // Nobody waits any more if it took too long.
        drop(sender.send((is_output, bytes)));
    });
}

/// What a complaint comes to: Helm warns first, and says last why it stopped.
fn last_line(text: &str) -> String {
    let error = text.rfind("Error: ").and_then(|at| text.get(at + "Error: ".len()..));
    // Advice for who has a command line.
    let error = error.and_then(|error| error.split("Use --debug flag").next());
    let line = error.or_else(|| text.lines().rfind(|line| !line.trim().is_empty()));
    let words = line.unwrap_or("it does not say why").split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a line of shell in place of Helm.
    fn ended(line: &str, limit: Duration) -> Ended {
        let folder = std::env::temp_dir().join(format!("score-tool-{}-{}", std::process::id(), line.len()));
        let tool = Tool::new(PathBuf::from("/bin/sh"), folder.clone());
        let scratch = tool.scratch().unwrap();
        let ended = tool.run(scratch.path(), &["-c".to_owned(), line.to_owned()], limit).unwrap();
        drop(scratch);
        assert_eq!(fs::read_dir(folder.join("scratch")).unwrap().count(), 0, "nothing stays");
        fs::remove_dir_all(folder).unwrap();
        ended
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_it_prints_is_read_or_why_it_stopped() {
        assert_eq!(ended("echo some; echo words", LONG), Ended::Well("some\nwords\n".to_owned()));
        let complaint =
            "echo WARNING: x >&2; printf 'Error: no\n  such chart\n\nUse --debug flag' >&2; exit 1";
        assert_eq!(ended(complaint, LONG), Ended::Badly("no such chart".to_owned()));
        assert_eq!(ended("exit 1", LONG), Ended::Badly("it does not say why".to_owned()));
    }

    #[test]
    fn it_has_an_end_and_so_has_what_it_prints() {
        assert_eq!(ended("exec sleep 600", Duration::from_millis(50)), Ended::Late);
        let Ended::Badly(why) = ended("exec yes", LONG) else { panic!("endless") };
        assert!(why.contains("more than"), "{why}");
    }

    #[test]
    fn it_knows_nothing_of_this_process() {
        let Ended::Well(known) = ended("/usr/bin/env", LONG) else { panic!("no env") };
        for line in known.lines() {
            let (name, _) = line.split_once('=').unwrap();
            let ours = ["HOME", "TMPDIR", "GOMEMLIMIT", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
            assert!(ours || name.starts_with("HELM_"), "{line}");
        }
    }
}
