//! What do the fields of a form say? There are two ways to write one.

use std::borrow::Cow;

/// The fields of a form in their order.
pub type FormFields<'b> = Vec<(Cow<'b, str>, Cow<'b, str>)>;

/// The field of a form that holds a JSON document: `form:` of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    name: String,
    /// Whether the fields themselves are the document where it is not there.
    may_be_absent: bool,
}

impl FormField {
    /// As it is written: `payload`, or `payload?` where not every form has it.
    pub fn parse(text: &str) -> Self {
        let name = text.strip_suffix('?').unwrap_or(text);
        Self { name: name.to_owned(), may_be_absent: name.len() < text.len() }
    }

    /// The field in which the senders that sign its text send it.
    pub fn payload() -> Self {
        Self::parse("payload")
    }

    /// The text of the document that these fields hold; of several fields of its name the last, as
    /// everywhere. `None` where the fields themselves are the document.
    ///
    /// What is verified and what is read is found here, so that they are the same.
    ///
    /// # Errors
    /// When it is not there.
    pub fn document<'b>(
        &self,
        fields: &[(Cow<'b, str>, Cow<'b, str>)],
    ) -> Result<Option<Cow<'b, str>>, String> {
        match fields.iter().rev().find(|(name, _)| *name == self.name) {
            Some((_, document)) => Ok(Some(document.clone())),
            None if self.may_be_absent => Ok(None),
            None => Err(format!("the form has no field `{}`", self.name)),
        }
    }
}

/// The most fields that are read of a form in parts.
const PARTS_MAX: usize = 1000;

/// The fields of a body that its content type calls a form: `application/x-www-form-urlencoded`, or
/// `multipart/form-data` (RFC 7578), whose files are none. `None` for any other type.
pub fn form_fields<'b>(content_type: Option<&str>, body: &'b [u8]) -> Option<FormFields<'b>> {
    let content_type = content_type?;
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media_type = media_type.trim();
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Some(form_urlencoded::parse(body).collect());
    }
    if !media_type.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    // A form without its boundary has no fields that anybody could find.
    Some(parameter(parameters, "boundary").map(|it| parts(body, &it)).unwrap_or_default())
}

/// Between each two boundaries: headers, an empty line, the value.
fn parts<'b>(body: &'b [u8], boundary: &str) -> FormFields<'b> {
    let mark = format!("--{boundary}");
    let mut fields = Vec::new();
    let mut rest = match find(body, mark.as_bytes()) {
        Some(at) => &body[at + mark.len()..],
        None => return fields,
    };
    let end = format!("\r\n{mark}");
    while fields.len() < PARTS_MAX
        && let Some(part) = rest.strip_prefix(b"\r\n")
        && let Some(length) = find(part, end.as_bytes())
    {
        fields.extend(field(&part[..length]));
        rest = &part[length + end.len()..];
    }
    fields
}

fn field(part: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let at = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..at]).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    if parameter(disposition, "filename").is_some() {
        return None;
    }
    let name = parameter(disposition, "name")?;
    Some((Cow::Owned(name), String::from_utf8_lossy(&part[at + 4..])))
}

/// A parameter such as `; name="json"`, with or without quotes.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    text.split(';').find_map(|it| {
        let (name, value) = it.split_once('=')?;
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        let fits = name.trim().eq_ignore_ascii_case(wanted) && !bare.is_empty();
        fits.then(|| bare.to_owned())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &[u8] = b"ignored\r\n--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\
        Content-Type: application/json\r\n\r\n{\"a\": \"--x\"}\r\n--x\r\n\
        content-disposition: form-data; name=file; filename=\"a.txt\"\r\n\r\nhidden\r\n--x\r\n\
        Content-Disposition: form-data; name=b\r\n\r\n\r\n--x--\r\n";

    fn read(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
        let fields = form_fields(Some(content_type), body)?;
        Some(fields.into_iter().map(|(a, b)| (a.into_owned(), b.into_owned())).collect())
    }

    #[test]
    fn both_ways_say_the_same_and_files_are_no_fields() {
        let due =
            [("json".to_owned(), "{\"a\": \"--x\"}".to_owned()), ("b".to_owned(), String::new())];
        for content_type in
            ["multipart/form-data; boundary=x", "Multipart/Form-Data;boundary=\"x\""]
        {
            assert_eq!(read(content_type, PARTS).unwrap(), due, "{content_type}");
        }
        let plain = read("application/x-www-form-urlencoded; charset=utf-8", b"a=1&b=%2B").unwrap();
        assert_eq!(plain, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "+".to_owned())]);
        assert_eq!(read("application/json", b"a=1"), None);
    }

    #[test]
    fn what_is_broken_has_no_fields_and_harms_nobody() {
        for (content_type, body) in [
            ("multipart/form-data", PARTS),
            ("multipart/form-data; boundary=", PARTS),
            ("multipart/form-data; boundary=y", PARTS),
            ("multipart/form-data; boundary=x", b"--x"),
            ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--"),
            (
                "multipart/form-data; boundary=x",
                b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x",
            ),
        ] {
            assert_eq!(read(content_type, body), Some(Vec::new()), "{content_type}");
        }
    }
}
