//! Where generated cases come from: a list of small numbers. The same numbers make the same case, smaller ones a simpler one.
//!
//! Every generator draws from a [`Source`] and makes its simplest value of 0. So a failing case is made smaller without
//! knowing what it is: leave numbers out, put 0 or a smaller one in their place, and look whether it still fails.

/// Numbers to make a case of: drawn by chance and written down, or read from a list, with 0 after its end.
pub struct Source {
    state: u64,
    replay: Option<Vec<u32>>,
    drawn: Vec<u32>,
}

impl Source {
    /// Case `number` of the series that `seed` names.
    pub fn new(seed: u64, number: u64) -> Source {
        let state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
        Source { state, replay: None, drawn: Vec::new() }
    }

    fn replaying(numbers: &[u32]) -> Source {
        Source { state: 0, replay: Some(numbers.to_vec()), drawn: Vec::new() }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u32::try_from(limit.max(1)).expect("a small limit");
        let value = match &self.replay {
            Some(numbers) => numbers.get(self.drawn.len()).copied().unwrap_or(0).min(limit - 1),
            None => {
                // splitmix64
                self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = self.state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                u32::try_from((((z ^ (z >> 31)) >> 32) * u64::from(limit)) >> 32).expect("below the limit")
            }
        };
        self.drawn.push(value);
        value as usize
    }

    /// One of these; the first is the simplest.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// True once in `n` times; false is simpler.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1 && n > 0
    }

    /// Up to `most` of something.
    pub fn list<T>(&mut self, most: usize, mut one: impl FnMut(&mut Source) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| one(self)).collect()
    }

    /// Puts a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = at - self.below(at + 1);
            list.swap(at, other);
        }
    }
}

/// What a property says of a case: nothing, or what is wrong.
pub type Said = Result<(), String>;

/// A property: makes its case from the source, and judges it.
pub type Property = fn(&mut Source) -> Said;

/// A case that fails, as small as it could be made.
pub struct Failure {
    /// What is wrong.
    pub said: String,
    /// Which case of the series it was found in.
    pub number: u64,
    /// How many numbers it is made of.
    pub size: usize,
}

/// Tries one case; where it fails, makes it smaller, in so many tries as `SHAREWELL_TRIES` says (4,000).
pub fn tried(property: Property, seed: u64, number: u64) -> Option<Failure> {
    let mut source = Source::new(seed, number);
    let said = outcome(property, &mut source)?;
    let (numbers, said) = smaller(property, source.drawn, said);
    Some(Failure { said, number, size: numbers.len() })
}

/// A panic of what is tried is a failure like any other.
fn outcome(property: Property, source: &mut Source) -> Option<String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| property(source))) {
        Ok(said) => said.err(),
        Err(_) => Some("it panics".to_owned()),
    }
}

fn smaller(property: Property, mut numbers: Vec<u32>, mut said: String) -> (Vec<u32>, String) {
    let mut left: u32 = std::env::var("SHAREWELL_TRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000);
    let mut fails = |numbers: &[u32]| {
        left = left.saturating_sub(1_u32);
        let mut source = Source::replaying(numbers);
        (left > 0).then(|| outcome(property, &mut source)).flatten()
    };
    loop {
        let before = numbers.clone();
        for size in [64, 16, 8, 4, 2, 1] {
            let mut at = 0;
            while at < numbers.len() {
                let end = (at + size).min(numbers.len());
                let without = [&numbers[..at], &numbers[end..]].concat();
                let mut zeros = numbers.clone();
                zeros[at..end].fill(0);
                let mut less = numbers.clone();
                less[at] = less[at].saturating_sub(1);
                let tries = [without, zeros, less];
                match tries.into_iter().filter(|t| *t != numbers).find_map(|t| fails(&t).map(|s| (t, s))) {
                    Some(found) => (numbers, said) = found,
                    None => at += size,
                }
            }
        }
        if numbers == before {
            return (numbers, said);
        }
    }
}
