//! How is an amount of money shown?

use super::decimal::Decimal;
use super::locale::{Figures, Locale};
use super::value::shortened;
use super::{AmountUnit, EvalError};

/// Currencies without a smaller unit in the APIs of payment providers (Stripe's documentation,
/// "Zero-decimal currencies"). ISK and UGX have none in daily life, and are still sent with two.
const NO_DECIMALS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies of a thousand parts (same page, "Three-decimal currencies").
const THREE_DECIMALS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// The longest amount, in characters.
const AMOUNT_MAX: usize = 40;

/// How one currency is written. Others: `TZS 1,204.50`.
struct Style {
    code: &'static str,
    /// With the space after it, if it has one.
    symbol: &'static str,
    /// Dots between thousands and a comma before the decimals.
    dots: bool,
    /// Decimals that are all zero are left out.
    short: bool,
}

const fn style(code: &'static str, symbol: &'static str, dots: bool, short: bool) -> Style {
    Style { code, symbol, dots, short }
}

const STYLES: &[Style] = &[
    style("USD", "$", false, false),
    style("EUR", "€", true, false),
    style("GBP", "£", false, false),
    style("JPY", "¥", false, false),
    style("CNY", "CN¥", false, false),
    style("KRW", "₩", false, false),
    style("INR", "₹", false, false),
    style("IDR", "Rp ", true, true),
    style("MYR", "RM ", false, false),
    style("SGD", "S$", false, false),
    style("AUD", "A$", false, false),
    style("NZD", "NZ$", false, false),
    style("CAD", "C$", false, false),
    style("HKD", "HK$", false, false),
    style("TWD", "NT$", false, true),
    style("PHP", "₱", false, false),
    style("THB", "฿", false, false),
    style("VND", "₫", true, false),
    style("BRL", "R$ ", true, false),
    style("NGN", "₦", false, false),
    style("ISK", "ISK ", true, true),
    style("UGX", "UGX ", false, true),
];

/// `amount` as people of the currency write it. An amount with a decimal point is in whole units
/// whatever the source says; half of the smallest unit is rounded away from zero.
pub(super) fn money(
    amount: &str,
    currency: &str,
    unit: Option<AmountUnit>,
    locale: Option<Locale>,
) -> Result<String, EvalError> {
    let code = currency.trim().to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(EvalError::Other(format!(
            "{currency:?} is no currency: write its code of three letters, as `money(\"IDR\")`"
        )));
    }
    let amount = &*shortened(amount.trim(), AMOUNT_MAX);
    let Some(number) = Decimal::parse(amount) else {
        return Err(EvalError::Other(format!(
            "{amount:?} is no amount: digits with at most one `.`, as 154600.00"
        )));
    };
    let decimals = decimals(&code);
    let unit = if amount.contains('.') { Some(AmountUnit::Major) } else { unit };
    let number = match unit {
        Some(AmountUnit::Major) => number,
        Some(AmountUnit::Minor) => number.shifted_left(decimals),
        None => {
            return Err(EvalError::Other(format!(
                "nobody said whether {amount} counts whole units or the smallest ones: write \
                 `amounts: major` or `amounts: minor` at the source, or \
                 `money(\"{code}\", amounts=\"minor\")`"
            )));
        }
    };
    Ok(written(&code, &number, decimals as usize, locale))
}

/// How many decimals the currency has.
fn decimals(code: &str) -> u32 {
    if NO_DECIMALS.contains(&code) {
        0
    } else if THREE_DECIMALS.contains(&code) {
        3
    } else {
        2
    }
}

fn written(code: &str, number: &Decimal, decimals: usize, locale: Option<Locale>) -> String {
    let style = STYLES.iter().find(|style| style.code == code);
    let (dots, short) = style.map_or((false, false), |style| (style.dots, style.short));
    let own = if dots { ('.', ',') } else { (',', '.') };
    let own = Figures { thousands: own.0, point: own.1, behind: false };
    let figures = locale.map_or(own, Locale::figures);
    let (whole, fraction) = number.fixed(decimals);
    let nothing = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    let minus = number.is_negative() && !(nothing(&whole) && nothing(&fraction));
    let mut amount = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            amount.push(figures.thousands);
        }
        amount.push(digit);
    }
    if !(fraction.is_empty() || short && nothing(&fraction)) {
        amount.push(figures.point);
        amount.push_str(&fraction);
    }
    let sign = if minus { "-" } else { "" };
    let symbol = style.map_or(code, |style| style.symbol);
    if figures.behind {
        return format!("{sign}{amount}\u{a0}{}", symbol.trim_end());
    }
    let space = if style.is_none() { " " } else { "" };
    format!("{sign}{symbol}{space}{amount}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use AmountUnit::{Major, Minor};

    #[test]
    fn amounts_are_written_as_in_their_country() {
        for (amount, currency, unit, written) in [
            ("18633200", "idr", Some(Minor), "Rp 186.332"),
            ("18633250", "IDR", Some(Minor), "Rp 186.332,50"),
            ("154600.00", "IDR", Some(Minor), "Rp 154.600"),
            ("154600.00", "IDR", None, "Rp 154.600"),
            ("200000", "IDR", Some(Major), "Rp 200.000"),
            ("120450", "usd", Some(Minor), "$1,204.50"),
            ("-120450", "usd", Some(Minor), "-$1,204.50"),
            ("5", "usd", Some(Minor), "$0.05"),
            ("0", "usd", Some(Minor), "$0.00"),
            ("1200", "jpy", Some(Minor), "¥1,200"),
            ("1204500", "KWD", Some(Minor), "KWD 1,204.500"),
            ("120450", "EUR", Some(Minor), "€1.204,50"),
            ("120450", "TZS", Some(Minor), "TZS 1,204.50"),
            ("50000", "ISK", Some(Minor), "ISK 500"),
            ("900719925474099301", "USD", Some(Minor), "$9,007,199,254,740,993.01"),
            ("10.005", "USD", Some(Major), "$10.01"),
            ("1e3", "USD", Some(Major), "$1,000.00"),
            ("-0.001", "USD", Some(Major), "$0.00"),
        ] {
            assert_eq!(
                money(amount, currency, unit, None).as_deref(),
                Ok(written),
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn what_is_no_amount_or_currency_is_told() {
        for (amount, currency, unit, part) in [
            ("1050", "USD", None, "amounts: major"),
            ("10,50", "USD", Some(Major), "no amount"),
            ("abc", "USD", Some(Major), "no amount"),
            ("10", "*x*", Some(Major), "no currency"),
            ("10", "dollars", Some(Major), "no currency"),
        ] {
            let error = money(amount, currency, unit, None).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_language_writes_all_currencies_its_own_way() {
        for (currency, locale, written) in [
            ("IDR", Locale::En, "Rp 1,204.50"),
            ("EUR", Locale::De, "1.204,50\u{a0}€"),
            ("EUR", Locale::En, "€1,204.50"),
            ("USD", Locale::Fr, "1\u{202f}204,50\u{a0}$"),
            ("TZS", Locale::Es, "1.204,50\u{a0}TZS"),
        ] {
            let shown = money("1204.50", currency, None, Some(locale));
            assert_eq!(shown.as_deref(), Ok(written), "{currency}");
        }
    }
}
