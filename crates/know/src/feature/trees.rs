//! A forest of boosted trees: how its file is laid out, and what it says of a vector.
//!
//! The file, little-endian: `WVFT`, version u16, features u16, classes u16, trees u32, temperature f32, scale f32,
//! SHA-256 of the training data (32 bytes); per feature the count u8 of its thresholds and these as f32, ascending; then
//! the trees, each its number of bytes u32 and its nodes, parents before children. An inner node is feature u16,
//! threshold u8, and u16 how many bytes its left child takes; the right child follows that. A leaf is u16 0xFFFF and its
//! value i16 in units of `scale`. Tree `n` speaks for class `n % classes`.

/// Marks a leaf in the place of a feature.
const LEAF: u16 = u16::MAX;
const VERSION: u16 = 1;

/// A model that was read and found whole.
#[derive(Debug)]
pub struct Forest {
    pub features: usize,
    pub classes: usize,
    /// What scores are divided by before they become probabilities: chosen on columns that were not trained on.
    temperature: f32,
    scale: f32,
    /// SHA-256 of the data that it was trained on.
    pub trained_on: [u8; 32],
    thresholds: Vec<Vec<f32>>,
    trees: Vec<&'static [u8]>,
}

struct Reader(&'static [u8]);

impl Reader {
    fn take(&mut self, count: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn long(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn float(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }
}

impl Forest {
    /// Nothing where the bytes are no model of this version.
    pub fn read(bytes: &'static [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != b"WVFT" || reader.short()? != VERSION {
            return None;
        }
        let (features, classes) = (usize::from(reader.short()?), usize::from(reader.short()?));
        let count = reader.long()?;
        let (temperature, scale, trained_on) = (reader.float()?, reader.float()?, reader.array()?);
        let mut thresholds = Vec::with_capacity(features);
        for _ in 0..features {
            let [length] = reader.array()?;
            thresholds.push((0..length).map(|_| reader.float()).collect::<Option<Vec<f32>>>()?);
        }
        let mut trees = Vec::new();
        for _ in 0..count {
            let length = reader.long()?;
            trees.push(reader.take(length)?);
        }
        let whole = reader.0.is_empty() && classes > 0 && count.is_multiple_of(classes);
        whole.then_some(Self { features, classes, temperature, scale, trained_on, thresholds, trees })
    }

    /// The probability of each class; a vector of another length than the model's has none.
    pub fn probabilities(&self, vector: &[f32]) -> Vec<f64> {
        let mut scores = vec![0_i32; self.classes];
        if vector.len() != self.features {
            return Vec::new();
        }
        for (index, tree) in self.trees.iter().enumerate() {
            if let (Some(score), Some(value)) = (scores.get_mut(index % self.classes), self.leaf(tree, vector)) {
                *score += i32::from(value);
            }
        }
        let unit = f64::from(self.scale) / f64::from(self.temperature);
        let most = scores.iter().copied().max().unwrap_or(0);
        let shares: Vec<f64> = scores.iter().map(|score| (f64::from(score - most) * unit).exp()).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter().map(|share| share / sum).collect()
    }

    fn leaf(&self, tree: &'static [u8], vector: &[f32]) -> Option<i16> {
        let mut reader = Reader(tree);
        loop {
            let feature = reader.short()?;
            if feature == LEAF {
                return reader.array().map(i16::from_le_bytes);
            }
            let [threshold] = reader.array()?;
            let left = usize::from(reader.short()?);
            let bound = self.thresholds.get(usize::from(feature))?.get(usize::from(threshold))?;
            if vector.get(usize::from(feature))? > bound {
                reader.take(left)?;
            }
        }
    }
}
