//! Makes archives block by block, with any bytes in any field.

/// An archive that is being put together.
#[derive(Clone, Default)]
pub(super) struct Raw(pub(super) Vec<u8>);

/// A header that is being filled in.
#[derive(Clone)]
pub(super) struct Block(pub(super) [u8; 512]);

impl Block {
    /// A POSIX header of a file of root with mode 0644 and time 1,000,000,000.
    pub(super) fn new(name: &[u8], kind: u8) -> Self {
        let mut block = Block([0; 512]);
        block.set(0, name);
        block.set(100, b"0000644\0");
        block.set(108, b"0000000\0");
        block.set(116, b"0000000\0");
        block.set(124, b"00000000000\0");
        block.set(136, b"07346545000\0");
        block.0[156] = kind;
        block.set(257, b"ustar\x0000");
        block
    }

    pub(super) fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(super) fn link(mut self, target: &[u8]) -> Self {
        self.set(157, target);
        self
    }

    /// A header of GNU's older form.
    pub(super) fn gnu(mut self) -> Self {
        self.set(257, b"ustar  \0");
        self
    }

    pub(super) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.set(at, bytes);
        self
    }

    /// Fills in the checksum.
    pub(super) fn summed(mut self) -> [u8; 512] {
        self.set(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.set(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

impl Raw {
    pub(super) fn new() -> Self {
        Raw::default()
    }

    /// Adds a header, with `content` behind it and its length in the field for the size.
    pub(super) fn add(mut self, block: Block, content: &[u8]) -> Self {
        let block = if content.is_empty() {
            block
        } else {
            block.with(124, format!("{:011o}\0", content.len()).as_bytes())
        };
        self.0.extend_from_slice(&block.summed());
        self.bytes(content)
    }

    /// Adds content without a header.
    pub(super) fn bytes(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds pax records for the entry that comes next (`x`) or for all (`g`).
    pub(super) fn pax(self, kind: u8, records: &[(&str, &[u8])]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            text.extend_from_slice(format!("{length} {key}=").as_bytes());
            text.extend_from_slice(value);
            text.push(b'\n');
        }
        self.add(Block::new(b"PaxHeaders/x", kind), &text)
    }

    pub(super) fn file(self, name: &str, content: &str) -> Self {
        self.add(Block::new(name.as_bytes(), b'0'), content.as_bytes())
    }

    pub(super) fn directory(self, name: &str) -> Self {
        self.add(Block::new(name.as_bytes(), b'5').with(100, b"0000755\0"), b"")
    }

    pub(super) fn symlink(self, name: &str, target: &str) -> Self {
        self.add(Block::new(name.as_bytes(), b'2').link(target.as_bytes()), b"")
    }

    pub(super) fn hard_link(self, name: &str, target: &str) -> Self {
        self.add(Block::new(name.as_bytes(), b'1').link(target.as_bytes()), b"")
    }

    /// Ends the archive.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}
