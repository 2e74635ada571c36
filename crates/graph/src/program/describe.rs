//! The execution plan as text.

use kernels::Float;

use super::Program;
use super::memory::Memory;
use super::plan::{Plan, Stage};
use super::task::{Task, TaskKind};
use super::times::Direction;

impl<T: Float> Program<T> {
    /// The execution plan as text: tiles, the tasks of each stage, how gradients are made, and memory.
    pub fn describe(&self) -> String {
        let mut lines = vec![self.describe_tiles()];
        for (i, stage) in self.plan.stages.iter().enumerate() {
            let extent = if stage.is_tiled { "for each tile" } else { "once" };
            lines.push(format!("stage {}, {extent}", i + 1));
            lines.extend(self.describe_stage(stage));
        }
        lines.extend(self.describe_chunks());
        lines.push(self.describe_memory());
        lines.join("\n") + "\n"
    }

    fn describe_tiles(&self) -> String {
        let (tiles, Plan { batch, shards, width, .. }) = (self.tiles.len(), &self.plan);
        let shards = if *shards == 1 { String::new() } else { format!(" in {shards} shards") };
        let of_tiles = self.samples.iter();
        let (least, most) = (of_tiles.clone().min().unwrap_or(&0), of_tiles.max().unwrap_or(&0));
        let samples = if least == most { most.to_string() } else { format!("{least} to {most}") };
        format!("batch {batch}{shards}: {tiles} tiles of width {width}, {samples} samples each")
    }

    /// Successive tasks of the same pass through the same layer share a line.
    fn describe_stage(&self, stage: &Stage) -> Vec<String> {
        let scope = |task: &Task| self.graph.scope(self.graph.id(task.node));
        let group = |task: &Task| (task.direction(), scope(task));
        let groups = stage.tasks.chunk_by(|a, b| group(a) == group(b)).map(|tasks| {
            let (direction, scope) = group(&tasks[0]);
            let way = if direction == Direction::Forward { "forward" } else { "backward" };
            let words: Vec<String> = tasks.iter().map(|&task| self.describe_task(task)).collect();
            format!("  {way:8}  {scope:20}  {}", words.join(", "))
        });
        groups.collect()
    }

    fn describe_task(&self, Task { node, kind }: Task) -> String {
        let (plan, name) = (&self.plan.nodes[node], self.name(node));
        let bias = if plan.bias.is_some() { " with bias" } else { "" };
        let in_place = |is_in_place: bool| if is_in_place { " in place" } else { "" };
        match kind {
            TaskKind::Load => format!("load {name}"),
            TaskKind::Forward => format!("{name}{bias}{}", in_place(plan.in_place)),
            TaskKind::Finish => format!("finish {name}"),
            TaskKind::RowParallel => format!("{name}{bias}, all tiles at once"),
            TaskKind::Scatter => format!("scatter {name}"),
            TaskKind::Zero => format!("clear {name}"),
            TaskKind::Seed => format!("seed {name}"),
            TaskKind::Backward { operand, .. } => {
                let to = self.name(self.graph.at(node).operands()[operand].index());
                format!("{name} → {to}{}", in_place(plan.backward_in_place && operand == 0))
            }
            TaskKind::Pack => format!("pack {name}"),
            TaskKind::Reduce => format!("add up {name}"),
            TaskKind::RowParallelBackward => format!("{name} →, all tiles at once"),
            TaskKind::ScatterGradient { .. } => format!("scatter {name} →"),
        }
    }

    fn describe_chunks(&self) -> Vec<String> {
        let of_parameter = self.plan.chunks.chunk_by(|a, b| a.parameter == b.parameter);
        let lines = of_parameter.map(|chunks| {
            let first = &chunks[0];
            let from =
                if first.by_rows.is_empty() { "the tiles' parts" } else { "rows of all tiles" };
            let (name, n) = (self.name(first.parameter), chunks.len());
            format!("  {name:30}  {n} × {} elements from {from}", first.range.len())
        });
        let heading = (!self.plan.chunks.is_empty()).then(|| "chunks of gradients".to_owned());
        heading.into_iter().chain(lines).collect()
    }

    fn describe_memory(&self) -> String {
        let Memory { tile, thread, shared, .. } = self.memory;
        let [tile, thread, shared] = [tile, thread, shared].map(|len| len * size_of::<T>());
        format!("bytes: {tile} a tile, {thread} a thread, {shared} shared")
    }

    fn name(&self, i: usize) -> &str {
        self.graph.at(i).label()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, Program, Shape};

    #[test]
    fn tiles_tasks_chunks_and_memory_are_told() {
        let mut g = Graph::<f32>::new();
        g.begin_scope("the data");
        let x = g.input("x", Shape::batch([3]));
        g.begin_scope("layer 1");
        let weight = g.parameter("weight", [3, 2]);
        let product = g.matmul(x, weight).unwrap();
        let y = g.relu(product);
        g.begin_scope("loss");
        let loss = g.mean_all(y).unwrap();
        let options = Compile { batch: 20, loss: Some(loss), ..Compile::default() };
        let in_shards = Compile { batch: 61, shards: 3, ..options.clone() };
        let in_shards = Program::new(g.clone(), &in_shards).unwrap().describe();
        let expected = "batch 61 in 3 shards: 3 tiles of width 32, 20 to 21 samples each\n";
        assert!(in_shards.starts_with(expected), "{in_shards}");
        let text = Program::new(g, &options).unwrap().describe();
        for part in [
            "batch 20: 2 tiles of width 16, 10 samples each\nstage 1, once\n",
            "forward   the data              load x
",
            "stage 2, for each tile\n",
            "forward   layer 1               matmul, relu",
            "chunks of gradients\n  weight  ",
            "1 × 6 elements from the tiles' parts\nbytes: ",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
