//! Makes client, server and messages of the service from its definition. Pure Rust: no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["planner.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // What reflection tells those who ask.
    fs::write(out.join("planner.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
