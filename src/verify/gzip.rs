//! What is in a body that came packed with gzip (RFC 1952), and is it too much?

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

/// How much is unpacked at once, in bytes.
const PIECE: usize = 16 << 10;

/// Why a packed body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Packed {
    /// It is no gzip, or breaks off.
    #[error("it is no whole gzip")]
    Broken,
    /// It is longer than allowed once it is unpacked.
    #[error("it is over the limit once it is unpacked")]
    TooLong,
    /// The room that it needs is not there now.
    #[error("there is no room for it now")]
    NoRoom,
}

/// What is in `packed`: at most `limit` bytes, and no more than `room`, asked for so many bytes
/// more, grants. A small body that unpacks to a huge one costs the limit and no more.
///
/// # Errors
/// See [`Packed`].
pub fn unpack(
    packed: &[u8],
    limit: u64,
    mut room: impl FnMut(u64) -> bool,
) -> Result<Vec<u8>, Packed> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut body = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        let length = decoder.read(&mut piece).map_err(|_| Packed::Broken)?;
        if length == 0 {
            return Ok(body);
        }
        if (body.len() + length) as u64 > limit {
            return Err(Packed::TooLong);
        }
        if !room(length as u64) {
            return Err(Packed::NoRoom);
        }
        body.extend_from_slice(&piece[..length]);
    }
}

/// Whether a `Content-Encoding` (RFC 9110, 8.4) says gzip and nothing else.
pub fn is_gzip(content_encoding: &str) -> bool {
    let coding = content_encoding.trim();
    coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn pack(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_costs_the_limit_and_no_more() {
        let bomb = pack(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let mut taken = 0;
        let count = |more| {
            taken += more;
            true
        };
        assert_eq!(unpack(&bomb, 1 << 20, count), Err(Packed::TooLong));
        assert!(taken <= 1 << 20);
        assert_eq!(unpack(&bomb, 1 << 30, |_| false), Err(Packed::NoRoom));
        assert_eq!(unpack(&pack(b"12345"), 5, |_| true), Ok(b"12345".to_vec()));
        assert_eq!(unpack(&pack(b"12345"), 4, |_| true), Err(Packed::TooLong));
    }

    #[test]
    fn what_is_no_whole_gzip_is_refused() {
        let whole = pack(b"{}");
        let twice = [whole.clone(), whole.clone()].concat();
        assert_eq!(unpack(&twice, 10, |_| true), Ok(b"{}{}".to_vec()), "RFC 1952, 2.2");
        for wrong in
            [b"{}".to_vec(), whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat()]
        {
            assert_eq!(unpack(&wrong, 10, |_| true), Err(Packed::Broken), "{wrong:?}");
        }
        assert!(is_gzip(" GZip") && is_gzip("x-gzip"));
        assert!(!is_gzip("gzip, gzip") && !is_gzip("br") && !is_gzip(""));
    }

    proptest! {
        #[test]
        fn whatever_comes_ends_within_the_limit(packed in prop::collection::vec(any::<u8>(), 0..300)) {
            let unpacked = unpack(&packed, 1000, |_| true);
            prop_assert!(unpacked.is_err() || unpacked.unwrap().len() <= 1000);
        }

        #[test]
        fn what_was_packed_comes_out(body in prop::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(unpack(&pack(&body), 3000, |_| true), Ok(body));
        }
    }
}
