//! Quantities of CPU and memory (Score, `containers.*.resources`), and their canonical Kubernetes text: what is applied
//! in that form is what the API server stores, so applying it again changes nothing.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A quantity of CPU, in thousandths of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u64);

/// A quantity of memory, in bytes. A fraction of a byte counts as a byte.
/// Two are equal if their canonical texts are; to compare amounts, compare [`bytes`](Self::bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    bytes: u64,
    /// Written with a suffix such as `Mi`; it decides in which units the canonical text counts.
    binary: bool,
}

/// Why a text is no quantity; what to do next is part of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not the grammar of Score CPU quantities.
    #[error("must be a number of cores such as 0.5, or thousandths of a core such as 500m")]
    NotCpu,
    /// More than three decimals.
    #[error("is finer than a thousandth of a core: round it to whole thousandths, such as 500m")]
    CpuTooFine,
    /// Not the grammar of Score memory quantities.
    #[error(
        "must be a number above 0 with at most one of the suffixes K, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, such as 128Mi"
    )]
    NotMemory,
    /// More than 2^63 - 1 bytes or thousandths of a core, or more digits than can be counted with.
    #[error("is out of range: write a smaller number, or one with fewer digits")]
    OutOfRange,
}

/// The largest amount that Kubernetes counts with.
const LARGEST: u128 = i64::MAX as u128;
/// The suffixes of powers of 1000 in Kubernetes; Score writes the first one `K`.
const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
/// The suffixes of powers of 1024.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Cpu {
    /// Thousandths of a core.
    pub fn millicores(self) -> u64 {
        self.0
    }

    /// The same quantity in the grammar of Score, which has no suffix for thousands of cores.
    pub fn to_score_text(self) -> String {
        if self.0.is_multiple_of(1000) { (self.0 / 1000).to_string() } else { self.to_string() }
    }
}

impl FromStr for Cpu {
    type Err = QuantityError;

    /// `^\d+(?:m|\.\d+)?$`
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (digits, unit) = text.strip_suffix('m').map_or((text, 1000), |millicores| (millicores, 1));
        let is_cpu = |number: &Number<'_>| unit == 1000 || !number.has_point;
        let number = Number::parse(digits).filter(is_cpu).ok_or(QuantityError::NotCpu)?;
        if number.fraction.len() > 3 {
            return Err(QuantityError::CpuTooFine);
        }
        number.times(unit).map(Self)
    }
}

/// The canonical Kubernetes text, such as `500m`, `1` or `1500m`.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) {
            return write_scaled(f, self.0 / 1000, 1000, &DECIMAL);
        }
        write!(f, "{}m", self.0)
    }
}

impl Memory {
    /// Bytes.
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// The same quantity in the grammar of Score, which writes `K` where Kubernetes writes `k`, and nothing only with a
    /// fraction.
    pub fn to_score_text(self) -> String {
        if self.bytes == 0 { "0.0".to_owned() } else { self.to_string().replace('k', "K") }
    }
}

impl FromStr for Memory {
    type Err = QuantityError;

    /// `^(0\.\d+|[1-9]\d*(\.\d+)?)(K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (digits, suffix) =
            text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
        let (unit, binary) = unit_of(suffix).ok_or(QuantityError::NotMemory)?;
        let number = Number::parse(digits).filter(Number::is_memory).ok_or(QuantityError::NotMemory)?;
        Ok(Self { bytes: number.times(unit)?, binary })
    }
}

/// The canonical Kubernetes text, such as `1536Mi`, `1M` or `1500k`.
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Kubernetes writes whatever is below 1024 in decimal, even if it was written as `0.5Ki`.
        if self.binary && self.bytes >= 1024 {
            write_scaled(f, self.bytes, 1024, &BINARY)
        } else {
            write_scaled(f, self.bytes, 1000, &DECIMAL)
        }
    }
}

/// Writes an amount with the largest suffix that leaves it whole.
fn write_scaled(f: &mut fmt::Formatter<'_>, mut amount: u64, base: u64, suffixes: &[&str]) -> fmt::Result {
    let mut suffixes = suffixes.iter();
    let mut suffix = suffixes.next();
    while amount > 0 && amount.is_multiple_of(base) && suffixes.len() > 0 {
        amount /= base;
        suffix = suffixes.next();
    }
    write!(f, "{amount}{}", suffix.unwrap_or(&""))
}

/// How many bytes a Score suffix stands for, and whether it is a binary one.
fn unit_of(suffix: &str) -> Option<(u128, bool)> {
    let power = |suffixes: &[&str], base: u128| {
        suffixes.iter().zip(0..).find(|(known, _)| **known == suffix).map(|(_, exponent)| base.pow(exponent))
    };
    let decimal = ["", "K", "M", "G", "T", "P", "E"];
    power(&decimal, 1000).map(|unit| (unit, false)).or_else(|| power(&BINARY, 1024).map(|unit| (unit, true)))
}

/// Digits, with a point and more digits after them where there is one. Zeros at its end say nothing.
struct Number<'a> {
    whole: &'a str,
    fraction: &'a str,
    has_point: bool,
}

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, fraction, has_point) =
            text.split_once('.').map_or((text, "", false), |(whole, fraction)| (whole, fraction, true));
        (is_digits(whole) && (is_digits(fraction) || !has_point)).then_some(Self {
            whole,
            fraction: fraction.trim_end_matches('0'),
            has_point,
        })
    }

    /// No leading zero, save before a point.
    fn is_memory(&self) -> bool {
        !self.whole.starts_with('0') || (self.whole == "0" && self.has_point)
    }

    /// The number times the unit, rounded up.
    fn times(&self, unit: u128) -> Result<u64, QuantityError> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let amount = scaled(&digits, self.fraction.len(), unit).filter(|&amount| amount <= LARGEST);
        amount.and_then(|amount| u64::try_from(amount).ok()).ok_or(QuantityError::OutOfRange)
    }
}

/// `digits / 10^decimals * unit`, rounded up; none if it is too large to compute.
fn scaled(digits: &str, decimals: usize, unit: u128) -> Option<u128> {
    let digits: u128 = digits.parse().ok()?;
    let divisor = 10u128.checked_pow(u32::try_from(decimals).ok()?)?;
    Some(digits.checked_mul(unit)?.div_ceil(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The right-hand sides are what Kubernetes' own library prints (for memory: after rounding up to whole bytes).

    #[test]
    fn cpu_is_printed_as_kubernetes_stores_it() {
        let cases = [
            ("0", "0"),
            ("1", "1"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("010", "10"),
            ("0.5000", "500m"),
            ("0.001", "1m"),
            ("250m", "250m"),
            ("2500m", "2500m"),
            ("1500", "1500"),
            ("2000", "2k"),
            ("1000000m", "1k"),
            ("1000000", "1M"),
        ];
        for (text, canonical) in cases {
            assert_eq!(text.parse::<Cpu>().map(|cpu| cpu.to_string()).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn memory_is_printed_as_kubernetes_stores_it() {
        let cases = [
            ("128Mi", "128Mi"),
            ("1.5Gi", "1536Mi"),
            ("1.0Gi", "1Gi"),
            ("2048Gi", "2Ti"),
            ("1000Ki", "1000Ki"),
            ("1024Ki", "1Mi"),
            ("0.5Mi", "512Ki"),
            ("0.5Ki", "512"),
            ("0.9Ki", "922"),
            ("1.3Gi", "1395864372"),
            ("0.0001Ki", "1"),
            ("7Ei", "7Ei"),
            ("1000K", "1M"),
            ("1K", "1k"),
            ("1500K", "1500k"),
            ("1024K", "1024k"),
            ("1.5G", "1500M"),
            ("9E", "9E"),
            ("1", "1"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1048576", "1048576"),
            ("128000000", "128M"),
            ("0.5", "1"),
            ("0.0", "0"),
        ];
        for (text, canonical) in cases {
            assert_eq!(
                text.parse::<Memory>().map(|memory| memory.to_string()).as_deref(),
                Ok(canonical),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_in_the_grammar_of_cpu_is_refused() {
        for text in ["", "m", ".5", "1.", "1.5m", "-1", "1k", "1 ", "0.5.5", "1e3", "½"] {
            assert_eq!(text.parse::<Cpu>(), Err(QuantityError::NotCpu), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_grammar_of_memory_is_refused() {
        for text in
            ["", "0", "128k", "1e3", "128m", "010", "00.5", ".5Gi", "1.Gi", "-1", "1 Gi", "1KB", "Gi", "1gi"]
        {
            assert_eq!(text.parse::<Memory>(), Err(QuantityError::NotMemory), "{text}");
        }
    }

    #[test]
    fn cpu_finer_than_a_thousandth_of_a_core_is_refused() {
        assert_eq!("0.0005".parse::<Cpu>(), Err(QuantityError::CpuTooFine));
    }

    #[test]
    fn quantities_beyond_what_kubernetes_counts_are_refused() {
        assert_eq!("8Ei".parse::<Memory>(), Err(QuantityError::OutOfRange));
        assert_eq!("10E".parse::<Memory>(), Err(QuantityError::OutOfRange));
        assert_eq!("9223372036854775808m".parse::<Cpu>(), Err(QuantityError::OutOfRange));
        assert_eq!("9".repeat(1000).parse::<Memory>(), Err(QuantityError::OutOfRange));
    }

    #[test]
    fn the_text_for_score_can_be_read_again_and_means_the_same() {
        for text in ["1000K", "1500K", "1.5Gi", "1", "1000", "0.5Ki", "0.0Mi"] {
            let memory: Memory = text.parse().unwrap();
            assert_eq!(
                memory.to_score_text().parse::<Memory>().map(Memory::bytes),
                Ok(memory.bytes()),
                "{text}"
            );
        }
        for text in ["2000", "1500m", "1000000m", "0"] {
            let cpu: Cpu = text.parse().unwrap();
            assert_eq!(cpu.to_score_text().parse(), Ok(cpu), "{text}");
        }
    }
}
