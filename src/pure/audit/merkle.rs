//! The Merkle tree of RFC 6962 §2.1: append, root, inclusion and consistency proofs, and their verification.
//!
//! Comes in: the data of leaves, or their hashes. Goes out: roots and proofs. A proof that does not fit is refused
//! without a reason: it proves nothing, and why is nobody's business.
//! Two ways to the same root on purpose: [`Frontier`] appends in O(log n) and is what the store keeps; [`root`] computes
//! from all leaves and is what the verifier believes.

use openssl::sha::Sha256;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256(0x00 ‖ data).
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(&[0]);
    hasher.update(data);
    hasher.finish()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(&[1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finish()
}

/// The root of no leaves: SHA-256 of nothing.
#[must_use]
pub fn empty() -> Hash {
    openssl::sha::sha256(&[])
}

/// A tree as its appender remembers it: the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A tree of `size` leaves with these peaks, as [`Frontier::peaks`] gave them; none when the count is wrong.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Frontier> {
        (u64::from(size.count_ones()) == peaks.len() as u64).then_some(Frontier { size, peaks })
    }

    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, largest first: one for each bit set in the size.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf's hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node(&left, &hash);
            size >>= 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty() };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

/// The largest power of two below `size`; `size` is at least 2.
fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

/// The root of these leaves (§2.1, MTH).
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The audit path of a leaf (§2.1.1, PATH); none when there is no such leaf.
#[must_use]
pub fn inclusion_proof(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, other) = if index < left.len() {
        (inclusion_proof(index, left)?, root(right))
    } else {
        (inclusion_proof(index - left.len(), right)?, root(left))
    };
    path.push(other);
    Some(path)
}

/// The proof that the first `size` leaves are a prefix of these (§2.1.2, PROOF); none unless 0 < size ≤ leaves.
#[must_use]
pub fn consistency_proof(size: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    (0 < size && size <= leaves.len()).then(|| subproof(size, leaves, true))
}

fn subproof(size: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if size == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, other) = if size <= middle {
        (subproof(size, left, whole), root(right))
    } else {
        (subproof(size - middle, right, false), root(left))
    };
    proof.push(other);
    proof
}

/// Whether the leaf stands at `index` in the tree of `size` leaves with this root.
#[must_use]
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    // RFC 9162 §2.1.3.2, which verifies the same trees: `at` and `last` are the leaf and the last leaf, level by level.
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for other in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node(other, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a tree of `first` leaves with `first_root` is a prefix of one of `second` leaves with `second_root`.
/// Nothing is consistent with the empty tree: whoever kept a head of nothing has kept nothing.
#[must_use]
pub fn verify_consistency(first: u64, second: u64, proof: &[Hash], first_root: &Hash, second_root: &Hash) -> bool {
    if first == 0 || first > second {
        return false;
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    // RFC 9162 §2.1.4.2.
    let (start, rest) = if first.is_power_of_two() {
        (*first_root, proof)
    } else {
        match proof.split_first() {
            Some((start, rest)) => (*start, rest),
            None => return false,
        }
    };
    if rest.is_empty() {
        return false;
    }
    let shift = (first - 1).trailing_ones();
    let (mut at, mut last) = ((first - 1) >> shift, (second - 1) >> shift);
    let (mut old, mut new) = (start, start);
    for other in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node(other, &old);
            new = node(other, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node(&new, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == *first_root && new == *second_root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|i| leaf(format!("leaf {i}").as_bytes())).collect()
    }

    #[test]
    fn the_frontier_and_the_whole_tree_agree_on_every_root() {
        let all = leaves(130);
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root(), root(&[]));
        for (index, leaf) in all.iter().enumerate() {
            frontier.append(*leaf);
            assert_eq!(frontier.root(), root(&all[..=index]));
            let kept = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec());
            assert_eq!(kept.as_ref(), Some(&frontier));
        }
        assert_eq!(Frontier::from_peaks(3, vec![empty()]), None);
    }

    #[test]
    fn the_empty_tree_and_one_leaf_hash_as_the_rfc_says() {
        let hex = |h: Hash| h.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        // SHA-256 of one zero byte: the hash of a leaf without data.
        assert_eq!(hex(leaf(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn every_leaf_is_proved_in_and_nowhere_else() {
        for size in 1..=33 {
            let all = leaves(size);
            let top = root(&all);
            for index in 0..size {
                let proof = inclusion_proof(index, &all).unwrap();
                for claimed in 0..=size {
                    let holds = verify_inclusion(claimed as u64, size as u64, &all[index], &proof, &top);
                    assert_eq!(holds, claimed == index, "{index} of {size}, claimed {claimed}");
                }
                let mut longer = proof.clone();
                longer.push(top);
                assert!(!verify_inclusion(index as u64, size as u64, &all[index], &longer, &top));
            }
        }
    }

    #[test]
    fn a_prefix_is_proved_and_a_changed_past_is_not() {
        for second in 1..=33 {
            let all = leaves(second);
            let mut changed = all.clone();
            changed[0] = leaf(b"another");
            for first in 1..=second {
                let proof = consistency_proof(first, &all).unwrap();
                let (old, new) = (root(&all[..first]), root(&all));
                assert!(verify_consistency(first as u64, second as u64, &proof, &old, &new));
                let other = root(&changed[..first]);
                assert!(!verify_consistency(first as u64, second as u64, &proof, &other, &new));
                let forged = consistency_proof(first, &changed).unwrap();
                assert!(!verify_consistency(first as u64, second as u64, &forged, &old, &root(&changed)));
            }
        }
    }
}
