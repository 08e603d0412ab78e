//! The controllers as processes of this machine, and the machine itself.

use std::fs::read_to_string;

use crate::args::Controller;
use crate::error::BenchError;

/// The resident memory of `controller` in bytes.
pub(crate) fn resident_memory(controller: &Controller) -> Result<u64, BenchError> {
    let ended = || BenchError::Ended { name: controller.name.clone(), pid: controller.pid };
    let status = read_to_string(format!("/proc/{}/status", controller.pid)).map_err(|_| ended())?;
    parse_resident(&status).ok_or_else(ended)
}

/// `VmRSS` of a `/proc/<pid>/status`; a zombie has none.
fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many processes wanted a CPU, on average over the last minute.
pub(crate) fn load_average() -> Option<f64> {
    read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_given_in_bytes() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t   20480 kB\nThreads:\t3\n"), Some(20 * 1024 * 1024));
    }

    #[test]
    fn a_zombie_has_no_memory() {
        assert_eq!(parse_resident("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_process_that_is_gone_is_named() {
        let error = resident_memory(&Controller { name: "score-x".into(), pid: u32::MAX }).unwrap_err();
        assert!(error.to_string().contains("score-x"), "{error}");
    }
}
