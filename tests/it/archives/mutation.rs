//! Damages archives: single fields, records, whole entries. The series is fixed, so each run is the
//! same.

/// Numbers in a fixed series (xorshift).
pub(super) struct Series(pub(super) u64);

impl Series {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

/// Not among them is `a/.`, under which GNU tar loses attributes of a new directory.
const NAMES: [&[u8]; 15] = [
    b"a",
    b"f",
    b"d/",
    b"l",
    b"a/plain",
    b"./a",
    b"/a",
    b"../x",
    b"a/../b",
    b"",
    b".",
    b"a//b",
    b"d/f",
    b"l/x",
    b"not-\xff",
];
const NUMBERS: [&[u8]; 12] = [
    b"0000000\0",
    b"00000000",
    b"       7",
    b"        ",
    b"\0\0\0\0\0\0\0\0",
    b"77777777",
    b"-0000001",
    b"\x80\0\0\0\0\0\x02\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x80\0\0\0\xff\xff\xff\xff",
    b"\x80\xff\xff\xff\xff\xff\xff\xff",
    b"0001000\0",
];
const TYPES: [u8; 20] = *b"\x0001234567DKLMNSVXgxA";
/// Where numbers stand, with their lengths, and GNU's map among them.
const FIELDS: [(usize, usize); 11] = [
    (100, 8),
    (108, 8),
    (116, 8),
    (124, 12),
    (136, 12),
    (329, 8),
    (337, 8),
    (386, 12),
    (398, 12),
    (483, 12),
    (482, 1),
];
const RECORDS: [(&str, &[u8]); 22] = [
    ("path", b"a"),
    ("path", b"d/"),
    ("path", b""),
    ("linkpath", b"a"),
    ("linkpath", b"/x"),
    ("size", b"0"),
    ("size", b"7"),
    ("uid", b"77"),
    ("uid", b"-1"),
    ("gid", b"4294967294"),
    ("mtime", b"-1.5"),
    ("mtime", b"1e9"),
    ("GNU.sparse.major", b"1"),
    ("GNU.sparse.size", b"5000"),
    ("GNU.sparse.map", b"0,512"),
    ("GNU.sparse.name", b"a"),
    ("SCHILY.xattr.user.a", b"\0\n="),
    ("SCHILY.xattr.com.apple.x", b"x"),
    ("SCHILY.acl.access", b"user::rwx,user:5:r--,group::r--,mask::r--,other::r--"),
    ("SCHILY.acl.access", b"user::rwx"),
    ("SCHILY.acl.default", b"user::rwx,group::r--,other::r--"),
    ("comment", b"none"),
];

/// Returns where each header block of an archive starts, with those before entries among them.
fn headers(archive: &[u8]) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(block) = archive.get(at..at + 512) {
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        found.push(at);
        let size = block[124..135].iter().filter(|byte| byte.is_ascii_digit());
        let size = size.fold(0_usize, |size, byte| size * 8 + usize::from(byte - b'0'));
        let has_content = !matches!(block[156], b'1'..=b'6');
        at += 512 + if has_content { size.next_multiple_of(512) } else { 0 };
    }
    found
}

/// Returns an entry, with its content and the headers before it.
fn entry(archive: &[u8], series: &mut Series) -> std::ops::Range<usize> {
    let starts = headers(archive);
    let is_extra = |at: usize| matches!(archive[at + 156], b'x' | b'g' | b'L' | b'K' | b'X');
    let own: Vec<usize> =
        (0..starts.len()).filter(|at| *at == 0 || !is_extra(starts[at - 1])).map(|at| starts[at]).collect();
    if own.is_empty() {
        return 0..0;
    }
    let at = series.below(own.len());
    let end = own.get(at + 1).copied().unwrap_or_else(|| {
        let last = *starts.last().unwrap();
        archive[last..]
            .chunks(512)
            .position(|block| block.iter().all(|byte| *byte == 0))
            .map_or(archive.len(), |n| last + n * 512)
    });
    own[at]..end.min(archive.len())
}

/// Gives the header at `at` the right checksum again.
fn mend(archive: &mut [u8], at: usize) {
    if let Some(block) = archive.get_mut(at..at + 512) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// Damages `archive` once. Entries come from `other` as well.
pub(super) fn mutate(archive: &mut Vec<u8>, other: &[u8], series: &mut Series) {
    let starts = headers(archive);
    let Some(at) = (!starts.is_empty()).then(|| starts[series.below(starts.len())]) else { return };
    match series.below(14) {
        0..3 => {
            let (field, length) = *series.pick(&FIELDS);
            let mut number = series.pick(&NUMBERS).to_vec();
            number.resize(length, *number.last().unwrap());
            archive[at + field..at + field + length].copy_from_slice(&number);
            mend(archive, at);
        }
        3 => {
            archive[at + 156] = *series.pick(&TYPES);
            mend(archive, at);
        }
        4 | 5 => {
            let field = *series.pick(&[0, 157]);
            archive[at + field..at + field + 100].fill(0);
            let name = *series.pick(&NAMES);
            archive[at + field..at + field + name.len()].copy_from_slice(name);
            mend(archive, at);
        }
        6 => {
            archive[at + series.below(512)] = *series.pick(&[0, 1, b' ', b'0', b'8', 0x7f, 0x80, 0xff]);
            mend(archive, at);
        }
        7 => {
            // A record before the entry, which replaces those it had.
            let (key, value) = *series.pick(&RECORDS);
            let kind = *series.pick(b"xxxg");
            let records = super::raw::Raw::new().pax(kind, &[(key, value)]).0;
            archive.splice(at..at, records);
        }
        8 => {
            // Bytes of content, where records and maps are.
            let start = at + 512;
            let end = (start + 512).min(archive.len());
            if start < end {
                let at = start + series.below((end - start).min(120));
                archive[at] = *series.pick(b"\x000123456789,=\n -x");
            }
        }
        9 => {
            let copied = entry(archive, series);
            let copy = archive[copied].to_vec();
            archive.splice(at..at, copy);
        }
        10 => {
            let copied = entry(other, series);
            let place = entry(archive, series).start;
            archive.splice(place..place, other[copied].to_vec());
        }
        11 => {
            let gone = entry(archive, series);
            archive.drain(gone);
        }
        12 => archive.truncate(series.below(archive.len())),
        _ => {
            let at = series.below(archive.len());
            archive[at] ^= 1 << series.below(8);
        }
    }
}
