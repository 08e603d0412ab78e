//! Kubernetes quantities, as far as to tell whether two spell the same amount.

/// Whether both are quantities and mean the same, as `1000m` and `1` do. The API server rewrites them.
pub(crate) fn same_amount(one: &str, other: &str) -> bool {
    matches!((parse(one), parse(other)), (Some(one), Some(other)) if one == other)
}

/// The amount in units of 1e-9, which is the finest that Kubernetes keeps. None if it is no quantity or beyond i128.
fn parse(text: &str) -> Option<i128> {
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (factor, divisor) = scale(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}").parse::<i128>().ok()?;
    let ten = 10_i128.checked_pow(fraction.len().try_into().ok()?)?;
    let nanos = digits.checked_mul(factor)?.checked_mul(NANO)?;
    Some(nanos / divisor.checked_mul(ten)?)
}

const NANO: i128 = 1_000_000_000;

/// What a suffix multiplies by and divides by.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    const SMALL: [&str; 3] = ["m", "u", "n"];
    const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let power = |table: &[&str], base: i128| {
        let position = table.iter().position(|known| *known == suffix)?;
        base.checked_pow(position.try_into().ok()?)
    };
    if let Some(factor) = power(&DECIMAL, 1000).or_else(|| power(&BINARY, 1024)) {
        return Some((factor, 1));
    }
    if let Some(position) = SMALL.iter().position(|known| *known == suffix) {
        return Some((1, 1000_i128.checked_pow(u32::try_from(position).ok()? + 1)?));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_many_spellings() {
        for (one, other) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("100e-3", "100m"),
            ("1.5Gi", "1536Mi"),
            ("0", "0Gi"),
            ("+1", "1"),
            ("2E", "2000P"),
        ] {
            assert!(same_amount(one, other), "{one} is {other}");
        }
    }

    #[test]
    fn different_amounts_differ() {
        for (one, other) in [("1", "2"), ("1G", "1Gi"), ("100m", "100"), ("-1", "1")] {
            assert!(!same_amount(one, other), "{one} is not {other}");
        }
    }

    #[test]
    fn what_is_no_quantity_equals_nothing() {
        for text in ["", "many", "1 Gi", "1.2.3", "--1", "1Zi", "9e999"] {
            assert!(!same_amount(text, text), "{text:?} is no quantity");
        }
    }
}
