using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Cli;

/// <summary><c>migrate</c>: creates or updates the tables of an outbox, says if that is needed, or prints the SQL for it.</summary>
internal sealed class MigrateCommand
{
    private readonly StoreOptions _store = new();
    private readonly Option<bool> _check = new("--check")
    {
        Description = "Change nothing. Exit code 0: the tables fit; 1: they are to be created or updated; 3: they are newer than this "
            + "command.",
    };

    private readonly Option<bool> _print = new("--print") { Description = "Change nothing. Print the SQL that is missing." };
    private readonly Option<bool> _json = Options.Json();

    internal static Command Create()
    {
        MigrateCommand migrate = new();
        Command command = new("migrate", "Create or update the tables of an outbox.") { migrate._check, migrate._print, migrate._json };
        migrate._store.AddTo(command);
        command.SetAction(migrate.RunAsync);
        return command;
    }

    /// <summary>Returns whether an exception says that a database cannot be used: it is a finding, and no fault of this command.</summary>
    internal static bool IsOfDatabase(Exception fault) =>
        fault is DbException or InvalidOperationException or SocketException or TimeoutException or IOException
            or System.Security.Authentication.AuthenticationException;

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        StoreAddress address = _store.Read(arguments)
            ?? throw new CommandException(
                ExitCode.Usage, $"Name the database by --store, --store-file or the environment variable {StoreOptions.Variable}.");
        bool changes = !arguments.GetValue(_check) && !arguments.GetValue(_print);
        if (arguments.GetValue(_check) && arguments.GetValue(_print))
        {
            throw new CommandException(ExitCode.Usage, "Give --check or --print, not both.");
        }

        Store store = Store.Open(address, changes);
        await using (store.ConfigureAwait(false))
        {
            OutboxSchema schema = CommandException.UsageOf(
                () => new OutboxSchema(store.Database, _store.Prefix(arguments)), "--table-prefix");
            try
            {
                int before = address.IsAbsent ? 0 : await schema.GetVersionAsync(cancellationToken).ConfigureAwait(false);
                return await RunAsync(schema, store.Name, before, changes, arguments, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (IsOfDatabase(fault))
            {
                throw new CommandException(ExitCode.NotDone, $"{store.Name}: {Output.Visible(fault.Message)}");
            }
        }
    }

    private async Task<int> RunAsync(
        OutboxSchema schema, string name, int before, bool changes, ParseResult arguments, CancellationToken cancellationToken)
    {
        if (before > schema.Version)
        {
            string versions = string.Create(CultureInfo.InvariantCulture, $"version {before}, and this command knows {schema.Version}");
            throw new CommandException(
                ExitCode.Refused, $"{name}: the tables have {versions}. Use the command of the newer release.");
        }

        if (arguments.GetValue(_print))
        {
            foreach (string statement in before == schema.Version ? [] : schema.GetStatements(before))
            {
                Console.Out.WriteLine(statement + ";");
            }

            return ExitCode.Done;
        }

        if (changes)
        {
            await schema.CreateIfAbsentAsync(cancellationToken).ConfigureAwait(false);
        }

        bool isCurrent = changes || before == schema.Version;
        if (isCurrent)
        {
            await schema.CheckAsync(cancellationToken).ConfigureAwait(false);
        }

        Report(name, before, schema.Version, !isCurrent, arguments.GetValue(_json));
        return isCurrent ? ExitCode.Done : ExitCode.NotDone;
    }

    private static void Report(string name, int before, int version, bool isDue, bool json)
    {
        string state = (before == version, isDue) switch
        {
            (true, _) => "current",
            (_, true) => before == 0 ? "missing" : "outdated",
            _ => before == 0 ? "created" : "updated",
        };
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteString("store"u8, name);
                members.WriteString("state"u8, state);
                members.WriteNumber("version_before"u8, before);
                members.WriteNumber("version"u8, isDue ? before : version);
                members.WriteNumber("version_known"u8, version);
            });
            return;
        }

        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{Output.Visible(name)}: tables {state}, version {(isDue ? before : version)} of {version}"));
    }
}
