//! The execution plan as text.

use kernels::Float;

use super::Program;
use super::plan::Stage;
use super::task::Task;
use super::times::Direction;
use crate::graph::NodeId;

impl<T: Float> Program<T> {
    /// The execution plan as text: the tiles, the tasks of each stage in order with a line for each pass
    /// through a layer, how the gradient of each parameter is made, and the memory that values take.
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
        let (tiles, width, samples) = (self.tiles.len(), self.plan.width, self.samples[0]);
        let last = self.samples[tiles - 1];
        let rest = if last == samples { String::new() } else { format!(", {last} in the last") };
        format!(
            "batch {}: {tiles} tiles of width {width}, {samples} samples each{rest}",
            self.batch
        )
    }

    /// Successive tasks of the same pass through the same layer share a line.
    fn describe_stage(&self, stage: &Stage) -> Vec<String> {
        let group = |task: &Task| {
            let (node, direction) = task.counts_as();
            (direction, self.graph.scope(NodeId::new(node)))
        };
        let groups = stage.tasks.chunk_by(|a, b| group(a) == group(b)).map(|tasks| {
            let (direction, scope) = group(&tasks[0]);
            let way = if direction == Direction::Forward { "forward" } else { "backward" };
            let words: Vec<String> = tasks.iter().map(|&task| self.describe_task(task)).collect();
            format!("  {way:8}  {scope:20}  {}", words.join(", "))
        });
        groups.collect()
    }

    fn describe_task(&self, task: Task) -> String {
        let name = |i| self.name(i);
        let bias = |i: usize| if self.plan.nodes[i].bias.is_some() { " with bias" } else { "" };
        match task {
            Task::Load(i) => format!("load {}", name(i)),
            Task::Forward(i) => {
                let place = if self.plan.nodes[i].in_place { " in place" } else { "" };
                format!("{}{}{place}", name(i), bias(i))
            }
            Task::Finish(i) => format!("finish {}", name(i)),
            Task::Zero(i) => format!("clear {}", name(i)),
            Task::Seed(i) => format!("seed {}", name(i)),
            Task::Backward { node, operand, .. } => {
                let to = self.node(node).operands()[operand].index();
                let over = self.plan.nodes[node].backward_in_place && operand == 0;
                let place = if over { " in place" } else { "" };
                format!("{} → {}{place}", name(node), name(to))
            }
            Task::Pack(i) => format!("pack {}", name(i)),
            Task::Reduce(i) => format!("add up {}", name(i)),
            Task::RowParallel(i) => format!("{}{}, all tiles at once", name(i), bias(i)),
            Task::Scatter(i) => format!("scatter {}", name(i)),
            Task::RowParallelBackward(i) => format!("{} →, all tiles at once", name(i)),
            Task::ScatterGradient { node, .. } => format!("scatter {} →", name(node)),
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
        let bytes = |elements: usize| elements * size_of::<T>();
        let (tile, thread, shared) = (self.memory.tile, self.memory.thread, self.memory.shared);
        format!(
            "bytes: {} a tile, {} a thread, {} shared",
            bytes(tile),
            bytes(thread),
            bytes(shared)
        )
    }

    fn name(&self, i: usize) -> &str {
        self.node(i).label()
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
