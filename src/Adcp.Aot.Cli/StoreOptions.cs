using System.CommandLine;

namespace Adcp.Aot.Cli;

/// <summary>The options that name a database and the outbox's tables in it.</summary>
internal sealed class StoreOptions
{
    internal const string Variable = "ADCP_WEBHOOKS_STORE";

    private readonly Option<string?> _store = new("--store")
    {
        Description = "The database: sqlite:FILE, or postgres:CONNECTION with a connection string of Npgsql without a password.",
    };

    private readonly Option<string?> _storeFile = new("--store-file")
    {
        Description = "The file that holds what --store takes, password included; - for the standard input. Default: the environment "
            + $"variable {Variable}.",
    };

    private readonly Option<string> _prefix = new("--table-prefix")
    {
        Description = "The beginning of the names of the outbox's tables.",
        DefaultValueFactory = _ => "adcp_outbox_",
    };

    /// <summary>Adds the options to a command.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _store, _storeFile, _prefix })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Returns whether the command line names a database.</summary>
    internal bool IsGiven(ParseResult arguments) => (arguments.GetValue(_store) ?? arguments.GetValue(_storeFile)) is not null;

    internal string Prefix(ParseResult arguments) => arguments.GetValue(_prefix)!;

    /// <returns><c>null</c> if neither the command line nor the environment names a database.</returns>
    /// <exception cref="CommandException">The text names no database, or cannot be read.</exception>
    internal StoreAddress? Read(ParseResult arguments)
    {
        string? store = arguments.GetValue(_store);
        string? file = arguments.GetValue(_storeFile);
        if (store is not null && file is not null)
        {
            throw new CommandException(ExitCode.Usage, "Give the database by --store or by --store-file, not by both.");
        }

        if (store is not null)
        {
            return StoreAddress.Parse(store, "--store", isOnCommandLine: true);
        }

        if (file is not null)
        {
            return StoreAddress.Parse(InputFile.Secret(file, "--store-file"), "--store-file", isOnCommandLine: false);
        }

        return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
            ? StoreAddress.Parse(text, Variable, isOnCommandLine: false)
            : null;
    }
}
