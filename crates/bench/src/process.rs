//! The controllers as processes of this machine, and the machine itself.

use std::fs::read_to_string;
use std::time::Duration;

use crate::args::Controller;
use crate::error::BenchError;

/// The resident memory of `controller` in bytes.
pub(crate) fn resident_memory(controller: &Controller) -> Result<u64, BenchError> {
    read(controller, "status", parse_resident)
}

/// The CPU time that `controller` has used since it was started.
pub(crate) fn cpu_time(controller: &Controller) -> Result<Duration, BenchError> {
    read(controller, "stat", parse_cpu_time)
}

fn read<T>(controller: &Controller, file: &str, parse: fn(&str) -> Option<T>) -> Result<T, BenchError> {
    let content = read_to_string(format!("/proc/{}/{file}", controller.pid)).ok();
    let ended = || BenchError::Ended { name: controller.name.clone(), pid: controller.pid };
    content.and_then(|content| parse(&content)).ok_or_else(ended)
}

/// User and system time in a `/proc/<pid>/stat`: the 14th and 15th field, in hundredths of a second. The name, in
/// parentheses, may hold spaces, so that fields are counted from behind it.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>().ok()?))
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
    fn cpu_time_is_that_in_user_and_system_mode_whatever_the_name() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_millis(1750)));
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
