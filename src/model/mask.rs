//! How is a number shown where it must not be shown whole?

/// The number with its middle hidden: `6281234567890` becomes `62812••••7890`.
///
/// Of a group id only the end is kept; of anything short, nothing.
pub fn mask_number(number: &str) -> String {
    let (digits, domain) = match number.split_once('@') {
        Some((digits, domain)) => (digits, Some(domain)),
        None => (number, None),
    };
    let chars: Vec<char> = digits.chars().collect();
    let keep_start = if domain.is_some() { 0 } else { 5 };
    let mut masked = if chars.len() < keep_start + 6 {
        "••••".to_owned()
    } else {
        let start: String = chars[..keep_start].iter().collect();
        let end: String = chars[chars.len() - 4..].iter().collect();
        format!("{start}••••{end}")
    };
    if let Some(domain) = domain {
        masked.push('@');
        masked.push_str(domain);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::mask_number;

    #[test]
    fn a_number_is_never_shown_whole() {
        for (number, masked) in [
            ("6281234567890", "62812••••7890"),
            ("120363000000000123@g.us", "••••0123@g.us"),
            ("62812345", "••••"),
            ("", "••••"),
        ] {
            assert_eq!(mask_number(number), masked);
        }
    }
}
