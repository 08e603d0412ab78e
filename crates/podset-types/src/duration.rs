//! Durations as Go writes them, which is how Kubernetes does.

use std::time::Duration;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write hours, minutes and seconds, such as `90s`, `2m0s` or `1h30m`")]
pub struct MalformedDuration(String);

/// As long as a label value may be.
const MAX_LENGTH: usize = 63;
/// Enough for any duration below [`LONGEST`]; what has more could overflow on the way.
const MAX_DIGITS: usize = 12;
/// The longest duration of Go: what fits in 63 bits of nanoseconds, about 292 years.
const LONGEST: Duration = Duration::from_nanos(i64::MAX.unsigned_abs());

/// Reads what Go's `time.ParseDuration` reads, but for signs: a duration here is a time to wait.
///
/// # Errors
/// If `text` is no duration, is negative, or longer than Go knows.
pub fn parse_duration(text: &str) -> Result<Duration, MalformedDuration> {
    let malformed = || MalformedDuration(text.chars().take(MAX_LENGTH).collect());
    if !is_plain(text) {
        return Err(malformed());
    }
    let parsed: kube::core::Duration = text.parse().map_err(|_| malformed())?;
    Some(Duration::from(parsed)).filter(|duration| *duration <= LONGEST).ok_or_else(malformed)
}

/// Whether the library may be given `text`: it takes an empty text and a trailing zero, which Go refuses, and panics at
/// signs inside and at numbers that are too large.
fn is_plain(text: &str) -> bool {
    let is_unit = |c: char| c.is_ascii_lowercase() || matches!(c, '\u{b5}' | '\u{3bc}');
    let plain = |c: char| c.is_ascii_digit() || c == '.' || is_unit(c);
    let ends = text == "0" || text.ends_with(is_unit);
    let short = text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= MAX_DIGITS);
    ends && short && text.chars().count() <= MAX_LENGTH && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        for (text, seconds) in [
            ("2m0s", 120.0),
            ("0", 0.0),
            ("0s", 0.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            (".5m", 30.0),
            ("5.m", 300.0),
            ("1h1m1s1ms1us1ns", 3_661.001_001_001),
            ("250\u{b5}s", 0.000_25),
            ("250\u{3bc}s", 0.000_25),
            ("2562047h", 9_223_369_200.0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_to_wait_is_malformed_and_never_a_panic() {
        let digits = "9".repeat(60) + "h";
        let many = "999999999999h".repeat(4);
        for text in [
            "",
            "2",
            "2 m",
            "2x",
            "two",
            "h",
            ".s",
            "-2m",
            "+2m",
            "1h-3s",
            "1h0",
            "1e30h",
            "NaNs",
            "infs",
            "2M",
            "1.5.5s",
            "9999999h",
            "\u{2003}2m",
            "2m\n",
            &digits,
            &many,
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.to_string().contains("`2m0s`"), "{text}");
        }
        assert!(parse_duration(&"9".repeat(100_000)).unwrap_err().to_string().len() < 200);
    }
}
