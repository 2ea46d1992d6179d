using System.Globalization;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Cli;

/// <summary>Checks the tables of an outbox and the clock of its database. Changes nothing.</summary>
internal static class StoreCheck
{
    internal static async Task<IReadOnlyList<Finding>> RunAsync(StoreAddress address, string prefix, CancellationToken cancellationToken)
    {
        if (address.IsAbsent)
        {
            return [Finding.Failed("store", $"there is no file '{address.File}'", "Create the tables: adcp-webhooks migrate.")];
        }

        List<Finding> findings = [];
        Store store = Store.Open(address, changes: false);
        await using (store.ConfigureAwait(false))
        {
            OutboxSchema schema = CommandException.UsageOf(() => new OutboxSchema(store.Database, prefix), "--table-prefix");
            try
            {
                findings.Add(await JudgeAsync(schema, store.Name, cancellationToken).ConfigureAwait(false));
                if (address.PostgreSql is not null)
                {
                    findings.Add(ClockCheck.Judge(await OffsetAsync(store, cancellationToken).ConfigureAwait(false), "the database"));
                }
            }
            catch (Exception fault) when (MigrateCommand.IsOfDatabase(fault))
            {
                findings.Add(Finding.Failed(
                    "store", $"{store.Name}: {fault.Message}", "Check address, user and password, and that the database runs."));
            }
        }

        return findings;
    }

    /// <summary>Judges the version and the columns of an outbox's tables.</summary>
    internal static async Task<Finding> JudgeAsync(OutboxSchema schema, string name, CancellationToken cancellationToken)
    {
        int version = await schema.GetVersionAsync(cancellationToken).ConfigureAwait(false);
        string text = string.Create(
            CultureInfo.InvariantCulture, $"{name}: outbox tables of version {version}, this command knows {schema.Version}");
        if (version == 0)
        {
            return Finding.Failed("store", $"{name}: no outbox tables", "Create them: adcp-webhooks migrate.");
        }

        if (version < schema.Version)
        {
            return Finding.Failed("store", text, "Update them: adcp-webhooks migrate.");
        }

        try
        {
            await schema.CheckAsync(cancellationToken).ConfigureAwait(false);
            return Finding.Ok("store", string.Create(CultureInfo.InvariantCulture, $"{name}: outbox tables of version {version}"));
        }
        catch (InvalidOperationException) when (version > schema.Version)
        {
            return Finding.Failed("store", text, "Use the release that made them.");
        }
        catch (InvalidOperationException fault)
        {
            return Finding.Failed("store", $"{name}: {fault.Message}", "Restore the tables from a backup, or use another prefix.");
        }
    }

    /// <summary>Returns how far the database's clock is certainly ahead: it was read at some moment of the call.</summary>
    private static async Task<TimeSpan> OffsetAsync(Store store, CancellationToken cancellationToken)
    {
        // The first call opens the connection, which takes longer than the second.
        await store.ReadClockAsync(cancellationToken).ConfigureAwait(false);
        DateTimeOffset before = TimeProvider.System.GetUtcNow();
        DateTimeOffset clock = await store.ReadClockAsync(cancellationToken).ConfigureAwait(false);
        DateTimeOffset after = TimeProvider.System.GetUtcNow();
        return clock > after ? clock - after : clock < before ? clock - before : TimeSpan.Zero;
    }
}
