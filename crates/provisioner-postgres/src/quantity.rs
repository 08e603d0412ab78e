//! Kubernetes quantities: checked when they are read, compared by amount, shown as they were written.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A quantity that is not negative and a whole number of thousandths. Equal amounts are equal however they are
/// written: the API server rewrites `1024Mi` to `1Gi`.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    thousandths: i128,
}

/// The text is not a Kubernetes quantity that this provisioner can use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a quantity such as 500m, 2, 64Mi or 1.5Gi")]
pub struct NotAQuantity(String);

const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let thousandths = scale(suffix).and_then(|factor| multiply(number, factor));
        let quantity = thousandths.map(|thousandths| Self { text: text.to_owned(), thousandths });
        quantity.ok_or_else(|| NotAQuantity(text.to_owned()))
    }
}

/// What a suffix multiplies by, in thousandths.
fn scale(suffix: &str) -> Option<i128> {
    let power = |suffixes: [&str; 7], step: i128| {
        let power = suffixes.iter().position(|known| *known == suffix)?;
        step.checked_pow(u32::try_from(power).ok()?)?.checked_mul(1000)
    };
    if suffix == "m" { Some(1) } else { power(DECIMAL, 1000).or_else(|| power(BINARY, 1024)) }
}

/// `number` (digits with at most one point) times `factor`; none if that is no whole number.
fn multiply(number: &str, factor: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let product = digits.parse::<i128>().ok()?.checked_mul(factor)?;
    (product % divisor == 0).then_some(product / divisor)
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
    /// Whether the quantity is nothing at all.
    pub fn is_zero(&self) -> bool {
        self.thousandths == 0
    }
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
    fn what_is_no_quantity_is_refused() {
        for text in ["", "lots", "1 Gi", "-1", "1.2.3", "Gi", "1gi", ".", "0.0001", "1e400", "９"] {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity(text.to_owned())));
        }
    }
}
