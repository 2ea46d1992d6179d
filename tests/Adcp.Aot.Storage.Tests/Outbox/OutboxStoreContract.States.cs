namespace Adcp.Aot.Storage.Tests.Outbox;

/// <content>The states and their changes, against <c>docs/outbox.md</c>.</content>
public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task States_and_their_changes_are_those_of_the_documentation()
    {
        Dictionary<string, string> tables = Rows("state of a webhook").ToDictionary(static row => row[0], static row => row[1].Trim('`'));
        List<string> made = [];
        await JoinAsync();
        foreach (OutboxState from in new[] { OutboxState.Waiting, OutboxState.Parked })
        {
            foreach (OutboxChangeKind kind in Enum.GetValues<OutboxChangeKind>())
            {
                OutboxState to = from.After(kind);

                await ChangeAsync(from, kind);

                Assert.Equal(NameOf(to), await StateAsync());
                if (kind != OutboxChangeKind.Trial)
                {
                    made.Add($"{NameOf(from)} {NameOf(to)}");
                }

                await ClearAsync();
            }
        }

        await ChangeAsync(OutboxState.Waiting, OutboxChangeKind.Dead);
        await Store.Dead.RedriveAsync([new OutboxRedrive((await DeadAsync())[0].Id)], default);
        made.Add($"dead {await StateAsync()}");
        await ClearAsync();
        await ChangeAsync(OutboxState.Waiting, OutboxChangeKind.Dead);
        await Store.Dead.DiscardAsync([(await DeadAsync())[0].Id], default);
        made.Add($"dead {await StateAsync()}");
        await ClearAsync();
        await ChangeAsync(OutboxState.Waiting, OutboxChangeKind.Dead);
        await PassAsync(SqlWebhookOutboxOptions.DefaultDeadLetterRetention);
        await Store.PurgeAsync(default);
        Assert.Equal("deleted", await StateAsync());

        Assert.Equal(Enum.GetValues<OutboxState>().Select(NameOf).Append("deleted").Order(), tables.Keys.Order());
        Assert.Equal(made.Distinct().Order(), Rows("from").Select(static row => $"{row[0]} {row[1]}").Order());

        async Task ChangeAsync(OutboxState from, OutboxChangeKind kind)
        {
            await AppendAsync(Entry("a", binding: Hash("id"), binds: Binding("id")));
            OutboxRow row = await OneAsync();
            if (from == OutboxState.Parked)
            {
                await SettleAsync(Park(row));
                await PassAsync(TimeSpan.FromSeconds(1));
                row = Assert.Single((await ParkedAsync()).Rows);
            }

            Assert.Equal((from, NameOf(from)), (row.State, await StateAsync()));
            Assert.Equal(1, await SettleAsync(kind switch
            {
                OutboxChangeKind.Delivered => Delivered(row),
                OutboxChangeKind.Park => Park(row),
                OutboxChangeKind.Trial => OutboxChanges.Trial(row),
                _ => Dead(row),
            }));
        }

        // Returns the state whose table has the row.
        async Task<string> StateAsync()
        {
            List<string> states = [];
            foreach ((string state, string table) in tables.Where(static state => state.Value != "-"))
            {
                for (long rows = await Database.CountAsync($"SELECT count(*) FROM {Tables.Prefix}{table}"); rows > 0; rows--)
                {
                    states.Add(state);
                }
            }

            return Assert.Single(states.DefaultIfEmpty(
                (await Store.FindAsync(Hash("id"), default))?.State == OutboxBindingState.Delivered ? "delivered" : "deleted"));
        }

        async Task ClearAsync()
        {
            foreach (string table in new[] { Tables.Log, Tables.Parked, Tables.Dead, Tables.Binding })
            {
                await Database.ExecuteAsync($"DELETE FROM {table}");
            }
        }

        static string NameOf(OutboxState state) => state.ToString().ToLowerInvariant();
    }

    /// <summary>Returns the cells of the table in <c>docs/outbox.md</c> whose first column has a name.</summary>
    private static List<string[]> Rows(string name)
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Adcp.Aot.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        string[] lines = File.ReadAllLines(Path.Combine(root, "docs", "outbox.md"));
        int head = Array.FindIndex(lines, line => line.StartsWith($"| {name} |", StringComparison.Ordinal));
        Assert.True(head >= 0, $"docs/outbox.md has no table '{name}'.");
        return [.. lines.Skip(head + 2).TakeWhile(static line => line.StartsWith('|')).Select(static line => Cells(line))];
    }

    private static string[] Cells(string line) => [.. line.Trim('|').Split('|').Select(static cell => cell.Trim())];
}
