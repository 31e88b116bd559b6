//! Where is GitHub's preview picture of a page?

use url::Url;

use super::filters::encoded;

/// The picture of the repository, or what is in it, at a page of github.com.
pub(super) fn opengraph(page: &str, key: &str) -> Option<String> {
    let url = Url::parse(page.trim()).ok()?;
    if url.scheme() != "https" || !matches!(url.host_str(), Some("github.com" | "www.github.com")) {
        return None;
    }
    let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
    let (owner, name) = (parts.first()?, parts.get(1)?);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let inside = match parts.get(2..).unwrap_or_default() {
        ["pull", number, ..] if digits(number) => format!("/pull/{number}"),
        ["issues", number, ..] if digits(number) => format!("/issues/{number}"),
        ["commit", id, ..] => format!("/commit/{id}"),
        ["releases", "tag", tag @ ..] if !tag.is_empty() => {
            format!("/releases/tag/{}", tag.join("/"))
        }
        _ => String::new(),
    };
    let key = encoded(if key.is_empty() { "1" } else { key }).replace('/', "%2F");
    Some(format!("https://opengraph.githubassets.com/{key}/{owner}/{name}{inside}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_of_a_repository_has_its_picture() {
        for (page, picture) in [
            ("https://github.com/o/r", "/o/r"),
            ("https://github.com/o/r/pull/7#issuecomment-1", "/o/r/pull/7"),
            ("https://github.com/o/r/issues/7", "/o/r/issues/7"),
            ("https://github.com/o/r/releases/tag/v1/b", "/o/r/releases/tag/v1/b"),
            ("https://github.com/o/r/commit/abc", "/o/r/commit/abc"),
            ("https://github.com/o/r/actions/runs/1", "/o/r"),
        ] {
            let whole = format!("https://opengraph.githubassets.com/k%2F1{picture}");
            assert_eq!(opengraph(page, "k/1"), Some(whole), "{page}");
        }
        for other in
            ["https://gitlab.com/o/r", "http://github.com/o/r", "https://github.com/o", "x"]
        {
            assert_eq!(opengraph(other, "k"), None, "{other}");
        }
    }
}
