//! Runs the commands of a page of the documentation, taken from the page itself.
//!
//! The convention: every fenced `sh` block is run, in order, all in one bash session that stops at the first error.
//! A `console` block shows what the block before it prints, and is compared: spaces count as one, `…` stands for any
//! characters, and a line of nothing but `…` for any lines. `text` and `yaml` blocks only illustrate. Commands of
//! kubectl, make, helm and hack/ stand in `sh` blocks and nowhere else, so that none escapes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::Result;

/// The line that the session prints before the output of each block; no command prints this character.
const MARK: char = '\u{1e}';
const COMMANDS: &str = r"(?m)^\s*(\$\s*)?(kubectl|make|helm|hack/\S+)\s+\S";

/// A fenced block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `sh`, `console`, `text`, `yaml`.
    pub language: String,
    /// What stands in it.
    pub text: String,
    /// The line of the page on which it begins, from 1.
    pub line: usize,
}

/// The fenced blocks of a page, in order.
///
/// # Errors
/// A block has no language or an unknown one, or a command stands outside of a `sh` block.
pub fn blocks(page: &str) -> Result<Vec<Block>> {
    let line = |offset: usize| page[..offset].matches('\n').count() + 1;
    let (mut blocks, mut open): (Vec<Block>, bool) = (Vec::new(), false);
    let commands = Regex::new(COMMANDS)?;
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let CodeBlockKind::Fenced(language) = kind else {
                    bail!("line {}: an indented block", line(range.start))
                };
                open = true;
                blocks.push(Block {
                    language: language.into_string(),
                    text: String::new(),
                    line: line(range.start),
                });
            }
            Event::End(TagEnd::CodeBlock) => open = false,
            Event::Text(text) if open => blocks.last_mut().context("no block")?.text += &text,
            Event::Code(code) if commands.is_match(&code) => {
                bail!(
                    "line {}: the command `{code}` stands outside of a sh block, so nobody tests it",
                    line(range.start)
                );
            }
            _ => {}
        }
    }
    for Block { language, text, line } in &blocks {
        ensure!(
            ["sh", "console", "text", "yaml"].contains(&language.as_str()),
            "line {line}: a block of {language:?}"
        );
        ensure!(
            language == "sh" || !commands.is_match(text),
            "line {line}: a command in a block of {language}"
        );
    }
    Ok(blocks)
}

/// Runs the page's `sh` blocks in one bash session in `folder`, shows commands and output as they come, and compares
/// the output with the page's `console` blocks.
///
/// # Errors
/// A command fails or the whole takes longer than `within`: then the line of its block. Or output differs.
pub async fn run(page: &str, folder: &Path, within: Duration) -> Result {
    let blocks = blocks(page)?;
    let commands: Vec<&Block> = blocks.iter().filter(|block| block.language == "sh").collect();
    let mut outputs: Vec<String> = Vec::new();
    let session = session(&commands, folder, &mut outputs);
    let ended = tokio::time::timeout(within, session).await;
    let last = commands.get(outputs.len().saturating_sub(1)).map_or(0, |block| block.line);
    match ended {
        Err(_) => bail!("the page is not through after {within:?}, it is at the block of line {last}"),
        Ok(Err(error)) => Err(error.context(format!("in the block of line {last}"))),
        Ok(Ok(())) => compare_all(&blocks, &outputs),
    }
}

async fn session(commands: &[&Block], folder: &Path, outputs: &mut Vec<String>) -> Result {
    let mark = format!("printf '\\n{MARK}\\n'\n");
    let script: String = commands.iter().map(|block| format!("{mark}{}\n", block.text)).collect();
    let mut bash = bash(&(script + &mark), folder).spawn()?;
    let mut lines = BufReader::new(bash.stdout.take().context("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.starts_with(MARK) {
            if let Some(ended) = outputs.last_mut() {
                without_separator(ended);
            }
            let Some(block) = commands.get(outputs.len()) else { break };
            outputs.push(String::new());
            block.text.lines().for_each(|command| println!("$ {command}"));
        } else if let Some(output) = outputs.last_mut() {
            println!("{line}");
            *output += &(line + "\n");
        }
    }
    let status = bash.wait().await?;
    ensure!(status.success(), "the command ended with {status}");
    Ok(())
}

/// A shell as a user's, which knows nothing of the cargo and make that run this.
fn bash(script: &str, folder: &Path) -> Command {
    let mut bash = Command::new("bash");
    let kept = ["CARGO_HOME", "CARGO_TARGET_DIR"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let is_cargos = name.starts_with("CARGO") || name == "RUSTFLAGS";
        if (is_cargos && !kept.contains(&name.as_str())) || name.starts_with("MAKE") {
            bash.env_remove(name);
        }
    }
    bash.args(["-c", &format!("exec 2>&1\nset -euo pipefail\n{script}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    bash
}

/// Takes off the line break that stands before each mark: a mark has a line of its own also after output that ends in
/// the middle of one.
fn without_separator(output: &mut String) {
    if output == "\n" || output.ends_with("\n\n") {
        output.pop();
    }
}

fn compare_all(blocks: &[Block], outputs: &[String]) -> Result {
    let mut outputs = outputs.iter();
    let mut output = None;
    for block in blocks {
        match block.language.as_str() {
            "sh" => output = outputs.next(),
            "console" => {
                let output =
                    output.with_context(|| format!("line {}: nothing was run before", block.line))?;
                ensure!(
                    is_shown(&block.text, output)?,
                    "line {}: the page shows\n{}\nand the output was\n{output}",
                    block.line,
                    block.text
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the output is what the page shows.
fn is_shown(shown: &str, output: &str) -> Result<bool> {
    let line = |line: &str| {
        let words: Vec<String> =
            line.split_whitespace().map(|word| regex::escape(word).replace('…', ".*")).collect();
        if line.trim() == "…" { r"(.*\n)*?".to_owned() } else { words.join(" ") + "\n" }
    };
    let pattern: String = shown.lines().map(line).collect();
    let output: String =
        output.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
    Ok(Regex::new(&format!("^{pattern}$"))?.is_match(&output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\nText with `kubectl` in it.\n\n```sh\necho one\nx=two\n```\n\n```console\none\n```\n\n1. A list\n\n   ```sh\n   echo $x three\n   ```\n\n   ```console\n   tw… three\n   ```\n";

    #[test]
    fn blocks_are_found_with_their_lines_also_in_lists() {
        let blocks = blocks(PAGE).unwrap();
        let found: Vec<_> = blocks.iter().map(|b| (b.language.as_str(), b.text.as_str(), b.line)).collect();
        assert_eq!(
            found,
            [
                ("sh", "echo one\nx=two\n", 5),
                ("console", "one\n", 10),
                ("sh", "echo $x three\n", 16),
                ("console", "tw… three\n", 20)
            ]
        );
    }

    #[test]
    fn a_command_outside_of_a_sh_block_is_an_error() {
        for page in [
            "Run `kubectl get pods`.",
            "```text\nmake demo\n```\n",
            "```bash\ntrue\n```\n",
            "```\nx\n```\n",
            "    make demo\n",
        ] {
            assert!(blocks(page).is_err(), "{page}");
        }
        assert!(blocks("`make`, `kubectl` and `helm` are needed.").is_ok());
    }

    #[tokio::test]
    async fn all_blocks_run_in_one_session() {
        run(PAGE, Path::new("/"), Duration::from_secs(10)).await.unwrap();
    }

    #[tokio::test]
    async fn output_without_a_line_break_at_its_end_belongs_to_its_block() {
        let page = "```sh\nprintf one\n```\n\n```console\none\n```\n\n```sh\ntrue\n```\n\n```sh\nprintf 'two\\n\\n'\n```\n\n```console\ntwo\n\n```\n";
        run(page, Path::new("/"), Duration::from_secs(10)).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_that_fails_is_reported_with_its_line() {
        let page = "```sh\ntrue\n```\n\n```sh\nfalse | true\necho not reached\n```\n";
        let error = run(page, Path::new("/"), Duration::from_secs(10)).await.unwrap_err();
        assert!(format!("{error:#}").contains("line 5"), "{error:#}");
    }

    #[tokio::test]
    async fn output_that_differs_is_reported_with_its_line() {
        let page = "```sh\necho one\n```\n\n```console\ntwo\n```\n";
        let error = run(page, Path::new("/"), Duration::from_secs(10)).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("line 5: the page shows\ntwo\n\nand the output was\none"),
            "{error:#}"
        );
    }

    #[test]
    fn shown_output_may_leave_things_out() {
        let output = "NAME   READY   AGE\nhello-web   True    12s\n";
        assert!(is_shown("NAME READY AGE\nhello-web True …\n", output).unwrap());
        assert!(is_shown("…\nhello-web True 12s\n", output).unwrap());
        assert!(is_shown("NAME READY AGE\n…\n", output).unwrap());
        assert!(!is_shown("NAME READY AGE\n", output).unwrap());
        assert!(!is_shown("NAME READY AGE\nhello-web False …\n", output).unwrap());
    }
}
