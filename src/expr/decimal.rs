//! How much is a number that must not lose a digit?
//!
//! Numbers stay texts until they are compared or reckoned with; no floats anywhere.

use std::cmp::Ordering;

/// Exponents beyond this are no numbers of this world; it also bounds how long one can print.
const EXPONENT_MAX: i64 = 400;
/// How many decimals a division keeps.
const DIVISION_DECIMALS: u32 = 12;

/// An exact decimal number: 0.DIGITS × 10^`point`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    negative: bool,
    /// `0` to `9` in ASCII without zeros at either end; empty for zero.
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// Reads a number as JSON writes it; leading zeros are fine too. `None` also for one too large
    /// or too small to reckon with.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = Self::parse_any_size(text)?;
        (number.point.abs() <= EXPONENT_MAX).then_some(number)
    }

    /// The same of any size, for comparing only. An exponent beyond all that is ever meant counts
    /// as the largest there is.
    pub(crate) fn parse_any_size(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let point = exponent.saturating_add(i64::try_from(whole.len()).ok()?);
        Self::any_size(negative, &digits, point)
    }

    fn normal(negative: bool, digits: &[u8], point: i64) -> Option<Self> {
        let number = Self::any_size(negative, digits, point)?;
        (number.point.abs() <= EXPONENT_MAX).then_some(number)
    }

    fn any_size(negative: bool, digits: &[u8], point: i64) -> Option<Self> {
        let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
            return Some(Self { negative: false, digits: Vec::new(), point: 0 });
        };
        let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
        let point = point.saturating_sub(i64::try_from(first).ok()?);
        Some(Self { negative, digits: digits.get(first..=last)?.to_vec(), point })
    }

    /// A number that is never smaller for a greater decimal; those that differ late have the same.
    pub(crate) fn rough(&self) -> u64 {
        const ZERO: u64 = 1 << 63;
        const DIGITS: usize = 15;
        const POINT_MAX: i64 = 1000;
        if self.is_zero() {
            return ZERO;
        }
        // Fifteen digits take fifty bits, the point eleven.
        let first = self.digits.iter().copied().chain(std::iter::repeat(b'0')).take(DIGITS);
        let first = first.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        let size = match self.point.saturating_add(POINT_MAX) {
            ..0 => 0,
            point if point > 2 * POINT_MAX => u64::MAX >> 2,
            point => (point.unsigned_abs() << 50) + first,
        };
        if self.negative { ZERO - 1 - size } else { ZERO + 1 + size }
    }

    /// Whether it is 0.
    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Whether it is below 0.
    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it has nothing behind the point.
    pub(super) fn is_whole(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|len| len <= self.point.max(0))
    }

    /// The number as an integer that fits, if it is one.
    pub(super) fn to_i64(&self) -> Option<i64> {
        if self.is_whole() { self.plain().parse().ok() } else { None }
    }

    /// The same, with its point moved `places` to the left.
    pub(super) fn shifted_left(mut self, places: u32) -> Self {
        if !self.is_zero() {
            self.point -= i64::from(places);
        }
        self
    }

    /// The digits before the point and `decimals` digits behind it, without the sign; half is
    /// rounded away from zero.
    pub(super) fn fixed(&self, decimals: usize) -> (String, String) {
        let keep = self.point + i64::try_from(decimals).unwrap_or(0);
        let mut kept: Vec<u8> = Vec::new();
        if let Ok(keep) = usize::try_from(keep) {
            kept.extend(self.digits.iter().take(keep));
            kept.resize(keep, b'0');
            if self.digits.get(keep).is_some_and(|digit| *digit >= b'5') {
                round_up(&mut kept);
            }
        }
        let mut text = String::from_utf8(kept).unwrap_or_default();
        if text.len() <= decimals {
            text.insert_str(0, &"0".repeat(decimals + 1 - text.len()));
        }
        let fraction = text.split_off(text.len() - decimals);
        let whole = text.trim_start_matches('0');
        (if whole.is_empty() { "0".to_owned() } else { whole.to_owned() }, fraction)
    }

    /// With at most so many decimals; half is rounded away from zero.
    pub(super) fn rounded(&self, decimals: usize) -> Option<Self> {
        let (whole, fraction) = self.fixed(decimals);
        let sign = if self.negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        Self::parse(&format!("{sign}{whole}{point}{fraction}"))
    }

    /// The largest number of so many decimals that is not larger.
    pub(super) fn floor(&self, decimals: usize) -> Option<Self> {
        let rounded = self.rounded(decimals)?;
        if rounded <= *self {
            return Some(rounded);
        }
        let step = Self { negative: false, digits: b"1".to_vec(), point: 1 };
        rounded.reckon(Reckoning::Minus, &step.shifted_left(u32::try_from(decimals).ok()?))
    }

    /// With the other sign.
    pub(super) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.is_zero();
        self
    }

    /// What stands before the point, with its sign.
    pub(super) fn whole(&self) -> String {
        let text = self.plain();
        let whole = text.split('.').next().unwrap_or_default();
        if whole == "-0" { "0".to_owned() } else { whole.to_owned() }
    }

    /// Without exponent: `-1204.5`.
    pub(super) fn plain(&self) -> String {
        let behind = i64::try_from(self.digits.len()).unwrap_or(i64::MAX) - self.point;
        let (whole, fraction) = self.fixed(usize::try_from(behind).unwrap_or(0));
        let sign = if self.negative { "-" } else { "" };
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }

    /// The number as an integer and how many of its digits stand behind the point.
    fn scaled(&self) -> Option<(i128, u32)> {
        let text = self.plain();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let value = format!("{whole}{fraction}").parse().ok()?;
        Some((value, u32::try_from(fraction.len()).ok()?))
    }

    fn from_scaled(value: i128, scale: u32) -> Option<Self> {
        let digits = value.unsigned_abs().to_string().into_bytes();
        let point = i64::try_from(digits.len()).ok()? - i64::from(scale);
        Self::normal(value < 0, &digits, point)
    }

    /// One of `+ - * / // %`; `None` when it does not fit or divides by zero.
    pub(super) fn reckon(&self, operator: Reckoning, other: &Self) -> Option<Self> {
        let ((left, left_scale), (right, right_scale)) = (self.scaled()?, other.scaled()?);
        if operator == Reckoning::Times {
            return Self::from_scaled(left.checked_mul(right)?, left_scale + right_scale);
        }
        let scale = left_scale.max(right_scale);
        let left = left.checked_mul(10_i128.checked_pow(scale - left_scale)?)?;
        let right = right.checked_mul(10_i128.checked_pow(scale - right_scale)?)?;
        match operator {
            Reckoning::Plus => Self::from_scaled(left.checked_add(right)?, scale),
            Reckoning::Minus => Self::from_scaled(left.checked_sub(right)?, scale),
            Reckoning::Times => None,
            Reckoning::Over => {
                let left = left.checked_mul(10_i128.pow(DIVISION_DECIMALS))?;
                Self::from_scaled(left.checked_div(right)?, DIVISION_DECIMALS)
            }
            Reckoning::WholeOver => Self::from_scaled(floor_div(left, right)?, 0),
            Reckoning::Rest => {
                let whole = floor_div(left, right)?.checked_mul(right)?;
                Self::from_scaled(left.checked_sub(whole)?, scale)
            }
        }
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -size } else { size })
}

/// What can be reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reckoning {
    Plus,
    Minus,
    Times,
    Over,
    WholeOver,
    Rest,
}

fn floor_div(left: i128, right: i128) -> Option<i128> {
    let quotient = left.checked_div(right)?;
    let exact = quotient.checked_mul(right)? == left;
    Some(if !exact && ((left < 0) != (right < 0)) { quotient - 1 } else { quotient })
}

fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return;
        }
    }
    digits.insert(0, b'1');
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_compare_by_what_they_are_worth() {
        for (small, large) in [("-2", "-1"), ("-1", "0"), ("0.9", "1"), ("9", "10"), ("1e2", "101")]
        {
            assert!(number(small) < number(large), "{small} {large}");
        }
        for (one, other) in [("1", "1.0"), ("-0", "0"), ("1e2", "100"), ("0.10", "1e-1")] {
            assert_eq!(number(one), number(other));
        }
        for wrong in ["", "-", "1.", ".5", "1e", "0x1", "1 ", "1e999999999", "NaN"] {
            assert!(Decimal::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn numbers_of_any_size_are_ordered_exactly() {
        let ascending = [
            "-1e999999999999999999999",
            "-2",
            "-1.5",
            "-0.1",
            "0",
            "1e-999999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000000001",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e4000",
        ];
        let number = |text: &str| Decimal::parse_any_size(text).unwrap();
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
        assert!(number("-0.00e7") == number("0") && number("3.018e2") == number("301.8"));
        for wrong in ["", "-", ".", "1e", "1e+", "1.2.3", "0x1", "١"] {
            assert!(Decimal::parse_any_size(wrong).is_none(), "{wrong}");
        }
        assert!(Decimal::parse("1e4000").is_none(), "too large to print");
    }

    #[test]
    fn sums_are_exact() {
        for (left, operator, right, sum) in [
            ("0.1", Reckoning::Plus, "0.2", "0.3"),
            ("1", Reckoning::Minus, "1.5", "-0.5"),
            ("18633200", Reckoning::Over, "100", "186332"),
            ("1", Reckoning::Over, "3", "0.333333333333"),
            ("-7", Reckoning::WholeOver, "2", "-4"),
            ("-7", Reckoning::Rest, "2", "1"),
            ("1.5", Reckoning::Times, "-4", "-6"),
        ] {
            let result = number(left).reckon(operator, &number(right)).unwrap();
            assert_eq!(result.plain(), sum, "{left} {operator:?} {right}");
        }
        assert!(number("1").reckon(Reckoning::Over, &number("0")).is_none());
        assert!(number("1e39").reckon(Reckoning::Times, &number("2")).is_none());
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (text, decimals, whole, fraction) in [
            ("1.005", 2, "1", "01"),
            ("999.995", 2, "1000", "00"),
            ("0.004", 2, "0", "00"),
            ("0.5", 0, "1", ""),
            ("12", 3, "12", "000"),
        ] {
            assert_eq!(number(text).fixed(decimals), (whole.to_owned(), fraction.to_owned()));
        }
    }

    #[test]
    fn a_rough_number_is_never_smaller_for_a_greater_decimal() {
        let written = [
            "-1e2000",
            "-1e1001",
            "-2e1000",
            "-123456789012345678",
            "-123456789012345677",
            "-10",
            "-9.99",
            "-1e-999",
            "-1e-1003",
            "0",
            "1e-2000",
            "1e-1003",
            "1e-999",
            "0.5",
            "1",
            "1.5",
            "9.99",
            "10",
            "123456789012345677",
            "123456789012345678",
            "2e1000",
            "1e1001",
            "1e2000",
        ];
        let roughs = written.map(|it| Decimal::parse_any_size(it).unwrap().rough());
        assert!(roughs.is_sorted(), "{roughs:?}");
    }
}
