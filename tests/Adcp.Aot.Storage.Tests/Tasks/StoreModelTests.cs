using CsCheck;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

/// <summary>
/// Random operations of two scopes on the generated stores and on plain dictionaries: both must give the same answers.
/// </summary>
public abstract class StoreModelLaws(SqlDialect dialect)
{
    private static readonly string[] Ids = ["a", "A", "b", "b ", "é"];
    private static readonly string[] States = ["working", "input-required", "completed", "failed"];
    private static readonly string?[] Contexts = [null, "c1", "C1"];

    private static readonly Gen<Step> AnyStep = Gen.Select(
        Gen.Int[0, 9], Gen.Bool, Gen.Int[0, Ids.Length - 1], Gen.Int[0, States.Length - 1], Gen.Int[0, Contexts.Length - 1],
        Gen.Int[-1, 1], Gen.Int[1, 4], Gen.Int[0, 2],
        static (kind, alice, id, state, context, version, size, wait) =>
        new Step(kind, alice, Ids[id], States[state], Contexts[context], version, size, wait));

    [Fact]
    public async Task Stores_answer_as_the_model_does()
    {
        await using StoreBench bench = await CreateAsync(dialect);
        int run = 0;
        await AnyStep.Array[1, 40].SampleAsync(
            async steps =>
            {
                int number = Interlocked.Increment(ref run);
                Model model = new(bench, StoreScope.Of($"alice{number}"), StoreScope.Of($"ALICE{number}"));
                foreach (Step step in steps)
                {
                    bench.Time.Advance(TimeSpan.FromMilliseconds(step.Wait));
                    await model.TakeAsync(step);
                }
            },
            iter: 60,
            threads: 1);
    }

    private sealed record Step(int Kind, bool Alice, string Id, string State, string? Context, int Version, int Size, int Wait);

    private sealed record Row(TestTask Task, long Version, long UpdatedAt, SortedDictionary<string, bool> Hooks);

    private sealed class Model(StoreBench bench, StoreScope alice, StoreScope other)
    {
        private readonly Dictionary<(StoreScope, string), Row> _rows = [];

        public async Task TakeAsync(Step step)
        {
            StoreScope scope = step.Alice ? alice : other;
            Row? row = _rows.GetValueOrDefault((scope, step.Id));
            switch (step.Kind)
            {
                case 0 or 1 or 2:
                    await SaveAsync(scope, step, row);
                    break;
                case 3:
                    Assert.Equal(row is not null, await bench.Tasks.DeleteAsync(scope, step.Id));
                    _rows.Remove((scope, step.Id));
                    break;
                case 4:
                    StoredTask<TestTask>? stored = await bench.Tasks.GetAsync(scope, step.Id);
                    Assert.Equal((row?.Task, row?.Version, row?.UpdatedAt),
                        (stored?.Task, stored?.Version, stored?.UpdatedAt.ToUnixTimeMilliseconds()));
                    break;
                case 5 or 6:
                    await ListAsync(scope, step);
                    break;
                case 7:
                    PushConfigSave hook = await bench.Push.SaveAsync(scope,
                        new PushConfig { TaskId = step.Id, Id = step.State, Url = "https://buyer.example/", IsActive = step.Version > 0 });
                    Assert.Equal(row is null ? PushConfigSaveStatus.TaskMissing : PushConfigSaveStatus.Saved, hook.Status);
                    row?.Hooks[step.State] = step.Version > 0;
                    break;
                case 8:
                    bool there = row?.Hooks.ContainsKey(step.State) == true;
                    if (step.Version > 0)
                    {
                        Assert.Equal(there, await bench.Push.DeleteAsync(scope, step.Id, step.State));
                        row?.Hooks.Remove(step.State);
                    }
                    else
                    {
                        Assert.Equal(there, await bench.Push.SetActiveAsync(scope, step.Id, step.State, step.Version == 0));
                        if (there)
                        {
                            row!.Hooks[step.State] = step.Version == 0;
                        }
                    }

                    break;
                default:
                    Assert.Equal(
                        (row?.Hooks ?? []).Select(static hook => (hook.Key, hook.Value)),
                        (await bench.Push.ListAsync(scope, step.Id)).Select(static config => (config.Id!, config.IsActive)));
                    break;
            }
        }

        private async Task SaveAsync(StoreScope scope, Step step, Row? row)
        {
            TestTask task = new(step.Id, step.Context, step.State, "", step.Size);
            long expected = Math.Max(0, (row?.Version ?? 0) + step.Version);
            TaskSave save = await bench.Tasks.SaveAsync(scope, task, expected);
            TaskSave want = row is null && expected == 0 ? new TaskSave(TaskSaveStatus.Saved, 1)
                : row is null ? new TaskSave(TaskSaveStatus.Missing, 0)
                : row.Task.IsTerminal ? new TaskSave(TaskSaveStatus.Ended, row.Version)
                : row.Version != expected ? new TaskSave(TaskSaveStatus.Conflict, row.Version)
                : new TaskSave(TaskSaveStatus.Saved, row.Version + 1);
            Assert.Equal(want, save);
            if (save.Status == TaskSaveStatus.Saved)
            {
                long now = bench.Time.GetUtcNow().ToUnixTimeMilliseconds();
                _rows[(scope, step.Id)] = new Row(task, save.Version, row is null || row.UpdatedAt < now
                    ? now
                    : row.UpdatedAt + 1, row?.Hooks ?? new(StringComparer.Ordinal));
            }
        }

        private async Task ListAsync(StoreScope scope, Step step)
        {
            TaskQuery query = new()
            {
                ContextId = step.Context,
                State = step.Kind == 5 ? step.State : null,
                UpdatedSince = step.Version > 0 ? bench.Time.GetUtcNow().AddMilliseconds(-step.Size) : null,
                PageSize = step.Size,
            };
            string[] want =
            [
                .. _rows.Where(row => row.Key.Item1.Equals(scope)
                        && (query.ContextId is null || row.Value.Task.ContextId == query.ContextId)
                        && (query.State is null || row.Value.Task.State == query.State)
                        && (query.UpdatedSince is null || row.Value.UpdatedAt >= query.UpdatedSince.Value.ToUnixTimeMilliseconds()))
                    .OrderByDescending(static row => row.Value.UpdatedAt)
                    .ThenByDescending(static row => row.Value.Task.Id, StringComparer.Ordinal)
                    .Select(static row => row.Value.Task.Id),
            ];
            Assert.Equal(want, (await bench.AllAsync(scope, query)).Select(static stored => stored.Task.Id));
            Assert.Equal(want.Length, await bench.Tasks.CountAsync(scope, query, 100));
        }
    }
}

public sealed class SqliteStoreModelTests() : StoreModelLaws(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlStoreModelTests() : StoreModelLaws(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlStoreModelTests() : StoreModelLaws(SqlDialect.MySql);
