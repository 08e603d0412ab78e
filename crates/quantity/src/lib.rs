//! Kubernetes quantities: checked when they are read, compared by amount, shown as they were written.

mod range;

use std::{cmp::Ordering, fmt, iter::Sum, str::FromStr};

pub use range::{NotARange, QuantityRange};

/// A quantity that is not negative and a whole number of thousandths. Equal amounts are equal however they are
/// written: the API server rewrites `1024Mi` to `1Gi`.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    thousandths: i128,
}

/// The text is not a Kubernetes quantity, or one that is negative or finer than a thousandth.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a quantity such as 500m, 2, 64Mi or 1.5Gi")]
pub struct NotAQuantity(String);

const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const SMALL: [&str; 3] = ["m", "u", "n"];

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = |fraction: Fraction| (fraction.0 % fraction.1 == 0).then_some(fraction.0 / fraction.1);
        Self::read(text, whole)
    }
}

/// Thousandths, as dividend and divisor.
struct Fraction(i128, i128);

/// What a suffix multiplies by and divides by, in thousandths.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let power = |suffixes: &[&str], base: i128| {
        let power = suffixes.iter().position(|known| *known == suffix)?;
        base.checked_pow(u32::try_from(power).ok()?)
    };
    if let Some(factor) = power(&DECIMAL, 1000).or_else(|| power(&BINARY, 1024)) {
        return Some((factor.checked_mul(1000)?, 1));
    }
    if let Some(divisor) = power(&SMALL, 1000) {
        return Some((1, divisor));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1000, power) } else { (power.checked_mul(1000)?, 1) })
}

/// `number` (digits with at most one point) times `factor / divisor`; none if there is no such number.
fn multiply(number: &str, (factor, divisor): (i128, i128)) -> Option<Fraction> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?).checked_mul(divisor)?;
    Some(Fraction(digits.parse::<i128>().ok()?.checked_mul(factor)?, divisor))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.thousandths == other.thousandths
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.thousandths.cmp(&other.thousandths)
    }
}

impl Quantity {
    /// Nothing.
    pub fn zero() -> Self {
        Self { text: "0".to_owned(), thousandths: 0 }
    }

    /// So many thousandths: of a core, for example.
    pub fn from_thousandths(thousandths: u64) -> Self {
        Self::of(thousandths.into())
    }

    /// So many: bytes, for example.
    pub fn from_units(units: u64) -> Self {
        Self::of(i128::from(units) * 1000)
    }

    /// Like parsing, but what is finer than a thousandth is rounded up to the next one, as Kubernetes itself counts it when
    /// it compares what pods ask for with what nodes have.
    ///
    /// # Errors
    /// Text that is no quantity, or a negative one.
    pub fn rounded_up(text: &str) -> Result<Self, NotAQuantity> {
        Self::read(text, |fraction| Some(fraction.0.checked_add(fraction.1 - 1)? / fraction.1))
    }

    /// How many thousandths: of a core, of a byte. Never negative.
    pub fn thousandths(&self) -> i128 {
        self.thousandths
    }

    fn read(text: &str, whole: impl Fn(Fraction) -> Option<i128>) -> Result<Self, NotAQuantity> {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let digits = unsigned.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(digits);
        let thousandths = scale(suffix).and_then(|scale| multiply(number, scale)).and_then(whole);
        let quantity = thousandths.map(|thousandths| Self { text: text.to_owned(), thousandths });
        quantity.ok_or_else(|| NotAQuantity(text.to_owned()))
    }

    fn of(thousandths: i128) -> Self {
        Self { text: written(thousandths), thousandths }
    }

    /// Whether the quantity is nothing at all.
    pub fn is_zero(&self) -> bool {
        self.thousandths == 0
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        Self::of(quantities.fold(0, |sum, quantity| sum.saturating_add(quantity.thousandths)))
    }
}

/// Whole amounts with the largest binary suffix that leaves them whole, others in thousandths.
fn written(thousandths: i128) -> String {
    if thousandths % 1000 != 0 {
        return format!("{thousandths}m");
    }
    let (mut amount, mut suffixes) = (thousandths / 1000, BINARY.iter());
    let mut suffix = suffixes.next();
    while amount > 0 && amount % 1024 == 0 && suffixes.len() > 0 {
        (amount, suffix) = (amount / 1024, suffixes.next());
    }
    format!("{amount}{}", suffix.unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn equal_amounts_are_equal_however_they_are_written() {
        for (one, other) in [
            ("1Gi", "1024Mi"),
            ("1.5Gi", "1536Mi"),
            ("1Gi", "1073741824"),
            ("0.5", "500m"),
            ("1000M", "1G"),
            (".5", "500m"),
            ("+1", "1000m"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("100e-3", "100m"),
            ("10e-4", "1m"),
            ("2E", "2000P"),
            ("3000u", "3m"),
            ("3000000n", "3m"),
            ("0", "0Gi"),
        ] {
            assert_eq!(of(one), of(other));
        }
        assert_ne!(of("1Gi"), of("1G"));
        assert!(of("1G") < of("1Gi"));
    }

    #[test]
    fn a_quantity_is_shown_as_it_was_written() {
        assert_eq!(of("1024Mi").to_string(), "1024Mi");
    }

    #[test]
    fn amounts_add_up_whatever_their_spelling() {
        for (parts, sum) in [
            (&["500m", "0.25"][..], "750m"),
            (&["512Mi", "0.5Gi"], "1Gi"),
            (&["1", "1"], "2"),
            (&["1k", "24"], "1Ki"),
            (&[], "0"),
        ] {
            assert_eq!(parts.iter().map(|part| of(part)).sum::<Quantity>().to_string(), sum, "{parts:?}");
        }
        assert_eq!(Quantity::from_thousandths(1500), of("1.5"));
        assert_eq!(Quantity::from_units(1024), of("1Ki"));
    }

    #[test]
    fn what_is_finer_than_a_thousandth_is_rounded_up_where_that_is_asked_for() {
        for (text, thousandths) in [
            ("100u", 1),
            ("1n", 1),
            ("0.0001", 1),
            ("1.0001", 1001),
            ("1500m", 1500),
            ("2", 2000),
            ("0", 0),
            ("0.0", 0),
        ] {
            assert_eq!(Quantity::rounded_up(text).unwrap().thousandths(), thousandths, "{text}");
        }
        for text in ["", "-1", "lots", "1e400"] {
            assert_eq!(Quantity::rounded_up(text), Err(NotAQuantity(text.to_owned())));
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "lots", "1 Gi", "-1", "+-1", "++1", "1.2.3", "Gi", "1gi", "1Zi", ".", "９"] {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity(text.to_owned())));
        }
        for text in ["0.0001", "1e-4", "100u", "1e400", "1e-400", "1e", "1e1.5", "1e+", "9E999999999"] {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity(text.to_owned())));
        }
    }
}
