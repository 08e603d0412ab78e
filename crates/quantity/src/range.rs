//! Ranges of quantities.

use std::{fmt, str::FromStr};

use crate::Quantity;

/// A range of quantities, ends included: `q` (exactly that), `min-max`, `min-` or `-max`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityRange {
    /// The least, if there is one.
    least: Option<Quantity>,
    /// The most, if there is one; not below the least.
    most: Option<Quantity>,
}

/// The text is no range of quantities.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARange {
    /// Not one of the four forms.
    #[error("`{0}` is not a range of quantities such as 500m, 100m-4, 128Mi- or -8Gi")]
    Form(String),
    /// Nothing is in it.
    #[error("`{0}` holds nothing: its first quantity is above its second")]
    Empty(String),
}

impl QuantityRange {
    /// Whether a quantity is in the range.
    pub fn contains(&self, quantity: &Quantity) -> bool {
        self.least.as_ref().is_none_or(|least| least <= quantity)
            && self.most.as_ref().is_none_or(|most| quantity <= most)
    }
}

impl FromStr for QuantityRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let form = || NotARange::Form(text.to_owned());
        let end = |end: &str| {
            if end.is_empty() { Ok(None) } else { end.parse::<Quantity>().map(Some).map_err(|_| form()) }
        };
        let (least, most) = match text.split_once('-') {
            None => (end(text)?, end(text)?),
            Some((least, most)) => (end(least)?, end(most)?),
        };
        match (&least, &most) {
            (None, None) => Err(form()),
            (Some(least), Some(most)) if least > most => Err(NotARange::Empty(text.to_owned())),
            _ => Ok(Self { least, most }),
        }
    }
}

/// In words, as the end of a sentence: `at least 100m and at most 4`.
impl fmt::Display for QuantityRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.least, &self.most) {
            (Some(least), Some(most)) if least == most => write!(f, "exactly {least}"),
            (Some(least), Some(most)) => write!(f, "at least {least} and at most {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any amount"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, quantity: &str) -> bool {
        range.parse::<QuantityRange>().unwrap().contains(&quantity.parse().unwrap())
    }

    #[test]
    fn both_ends_are_in_the_range() {
        for (range, inside, outside) in [
            ("100m-4", &["100m", "0.1", "4", "1500m"][..], &["99m", "4001m", "0"][..]),
            ("128Mi-", &["128Mi", "1Ti"], &["127Mi", "0"]),
            ("-8Gi", &["0", "8Gi", "8192Mi"], &["9Gi"]),
            ("500m", &["500m", "0.5"], &["499m", "501m"]),
        ] {
            assert!(inside.iter().all(|quantity| contains(range, quantity)), "{range}");
            assert!(!outside.iter().any(|quantity| contains(range, quantity)), "{range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "-", "a-b", "1-2-3", "1 - 2", "--1", "1..2"] {
            assert_eq!(text.parse::<QuantityRange>(), Err(NotARange::Form(text.to_owned())), "{text:?}");
        }
        assert_eq!("2-1".parse::<QuantityRange>(), Err(NotARange::Empty("2-1".to_owned())));
    }

    #[test]
    fn a_range_is_told_in_words() {
        for (range, words) in [
            ("1-2", "at least 1 and at most 2"),
            ("1-", "at least 1"),
            ("-2", "at most 2"),
            ("1", "exactly 1"),
        ] {
            assert_eq!(range.parse::<QuantityRange>().unwrap().to_string(), words);
        }
    }
}
