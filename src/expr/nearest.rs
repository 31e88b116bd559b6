//! Which word was probably meant?

/// The word among `candidates` that was probably meant.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, candidate)| {
            *score > 0.86 || strsim::damerau_levenshtein(word, candidate) == 1
        })
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// How many names are told where none is surely the one that was meant.
const FEW: usize = 3;

/// The few names that are least unlike `wanted`.
pub(super) fn few_nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted: String = wanted.chars().take(60).collect();
    let mut names: Vec<&str> = known.collect();
    names.sort_by_cached_key(|name| strsim::osa_distance(&wanted, name));
    names.truncate(FEW);
    names
}
