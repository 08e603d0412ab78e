//! Reading what the platform wrote into a class's parameters.

use jiff::SignedDuration;
use quantity::Quantity;
use serde_json::{Map, Value};

/// An open object that is read key by key; what is left at the end was not understood.
pub struct Fields {
    path: String,
    object: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    /// The fields of `object`, which stands at `path`.
    pub fn new(path: impl Into<String>, object: Map<String, Value>) -> Self {
        Self { path: path.into(), object, known: Vec::new() }
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    /// Text without blanks.
    pub fn text(&mut self, key: &'static str, errors: &mut Vec<String>) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if is_word(&text) => Some(text),
            Value::Number(number) if key == "version" => Some(number.to_string()),
            _ => self.wrong(key, "must be text without blanks", errors),
        }
    }

    /// Text without blanks that has to be there.
    pub fn needed(&mut self, key: &'static str, errors: &mut Vec<String>) -> Option<String> {
        if !self.object.contains_key(key) {
            self.known.push(key);
            return self.wrong(key, "is missing", errors);
        }
        self.text(key, errors)
    }

    /// One of `words`.
    pub fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        errors: &mut Vec<String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        match found {
            Some((_, meaning)) => Some(*meaning),
            None => self.wrong(key, &format!("must be {}", either(&allowed, "or")), errors),
        }
    }

    /// A list of texts without blanks, empty if it is not there.
    pub fn texts(&mut self, key: &'static str, errors: &mut Vec<String>) -> Vec<String> {
        let list = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => Vec::from([Value::Null]),
        };
        let words = |value: Value| value.as_str().filter(|text| is_word(text)).map(str::to_owned);
        let words: Option<Vec<String>> = list.into_iter().map(words).collect();
        let words = words.or_else(|| self.wrong(key, "must be a list of texts without blanks", errors));
        words.unwrap_or_default()
    }

    /// A list of objects, empty if it is not there.
    pub fn objects(&mut self, key: &'static str, errors: &mut Vec<String>) -> Vec<Self> {
        let list = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => Vec::from([Value::Null]),
        };
        let path = format!("{}.{key}", self.path);
        let fields = list.into_iter().enumerate().map(|(index, value)| match value {
            Value::Object(object) => Some(Self::new(format!("{path}[{index}]"), object)),
            _ => None,
        });
        let fields: Option<Vec<Self>> = fields.collect();
        fields.or_else(|| self.wrong(key, "must be a list of objects", errors)).unwrap_or_default()
    }

    /// A whole number from `range`.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
        errors: &mut Vec<String>,
    ) -> Option<u32> {
        let number = self.take(key)?.as_u64().and_then(|number| u32::try_from(number).ok());
        let what = || format!("must be a whole number from {} to {}", range.start(), range.end());
        number.filter(|number| range.contains(number)).or_else(|| self.wrong(key, &what(), errors))
    }

    /// A time such as `30d`, `12h`, `15m` or `90s`.
    pub fn duration(&mut self, key: &'static str, errors: &mut Vec<String>) -> Option<SignedDuration> {
        let duration = self.take(key)?.as_str().and_then(duration);
        duration.or_else(|| self.wrong(key, "must be a time such as 30d, 12h, 15m or 90s", errors))
    }

    /// A quantity.
    pub fn quantity(&mut self, key: &'static str, errors: &mut Vec<String>) -> Option<Quantity> {
        let text = match self.take(key)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return self.wrong(key, "must be a quantity such as 1Gi", errors),
        };
        text.parse().map_err(|error| errors.push(format!("{}.{key}: {error}", self.path))).ok()
    }

    /// An object, empty if it is not there.
    pub fn object(&mut self, key: &'static str, errors: &mut Vec<String>) -> Self {
        let object = match self.take(key) {
            None => Map::new(),
            Some(Value::Object(object)) => object,
            Some(_) => self.wrong(key, "must be an object", errors).unwrap_or_default(),
        };
        Self::new(format!("{}.{key}", self.path), object)
    }

    /// Says what is wrong with `key`.
    pub fn wrong<T>(&self, key: &str, what: &str, errors: &mut Vec<String>) -> Option<T> {
        errors.push(format!("{}.{key}: {what}", self.path));
        None
    }

    /// Refuses what was not read.
    pub fn finish(self, errors: &mut Vec<String>) {
        let known = either(&self.known, "and");
        let unknown = self.object.keys();
        errors.extend(
            unknown.map(|key| format!("{}.{key}: there is no such parameter, only {known}", self.path)),
        );
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.object.remove(key)
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace) && !text.contains(char::is_control)
}

/// `a, b and c`.
fn either(words: &[&str], joint: &str) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} {joint} {last}", first.join(", ")),
    }
}

fn duration(text: &str) -> Option<SignedDuration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=10_000 * 86_400).contains(seconds))?;
    Some(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_and_a_unit() {
        for (text, seconds) in
            [("90s", Some(90)), ("15m", Some(900)), ("12h", Some(43_200)), ("30d", Some(2_592_000))]
        {
            assert_eq!(duration(text).map(|duration| duration.as_secs()), seconds, "{text}");
        }
        for text in ["", "d", "0s", "-1d", "1.5h", "30 d", "30", "1w", "99999999999999999999d", "1000000d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
