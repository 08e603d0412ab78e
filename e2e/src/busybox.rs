//! Workloads of busybox, to look at a container from inside.

use crate::{Context, Result};

/// The image, as the local cluster has it. It runs as user 65532.
pub fn image() -> String {
    std::env::var("E2E_BUSYBOX_IMAGE").unwrap_or_else(|_| "localhost/score/busybox:dev".to_owned())
}

/// A line of shell that runs until it is told to end, and then ends at once: what is the first process of a container
/// is not stopped by a signal that it does not ask for.
pub const WAIT: &str = "trap exit TERM; sleep 86400 & wait";

/// A Workload `name` whose spec is `spec` (YAML, at the indentation of the fields of `spec`), in which `BUSYBOX`
/// stands for the image, `SLEEP` for a command that does nothing until it is told to end, and `WAIT` for [`WAIT`].
pub fn workload(name: &str, spec: &str) -> String {
    let sleep = format!(r#"["/bin/busybox", "sh", "-c", "{WAIT}"]"#);
    let spec = spec.replace("BUSYBOX", &image()).replace("SLEEP", &sleep).replace("WAIT", WAIT);
    format!("apiVersion: score.dev/v1b1\nkind: Workload\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

impl Context {
    /// What a busybox command prints inside container `container` of Workload `name`.
    ///
    /// # Errors
    /// It does not run, or the command ends with an error.
    pub async fn busybox(&self, name: &str, container: &str, command: &[&str]) -> Result<String> {
        let workload = format!("deployment/{name}");
        let exec = ["exec", &workload, "--container", container, "--", "/bin/busybox"];
        self.kubectl(&[&exec[..], command].concat()).await
    }

    /// As [`Context::busybox`], for a line of shell.
    ///
    /// # Errors
    /// As [`Context::busybox`].
    pub async fn shell(&self, name: &str, container: &str, line: &str) -> Result<String> {
        self.busybox(name, container, &["sh", "-c", line]).await
    }
}
