using System.CommandLine;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Cli;

/// <summary>The options that name an operator page or the database of an outbox, and the operations behind them.</summary>
/// <param name="use">The use of a database by the command.</param>
/// <param name="hasAttempts">Whether the command may read a table of attempts too.</param>
internal sealed class OperatorConnection(StoreUse use, bool hasAttempts = false)
{
    private readonly Option<string?> _url = new("--url") { Description = "The url of the operator page, such as https://host/adcp." };
    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description = "The file with the bearer token of the page; - for the standard input.",
    };

    private readonly StoreOptions _store = new();
    private readonly Option<string[]> _keys = new("--encryption-key-file")
    {
        Description = "ID=FILE: the id of an encryption key of the outbox, and the file with its 32 bytes, plain or as base64. May be "
            + "given many times, the current key first. Without it, tenant, receiver, key and task of a webhook in a database are not "
            + "shown.",
    };

    private readonly Option<string?> _attemptTable = new("--attempt-table")
    {
        Description = "The table of the database that a [SqlDeliveryLog] sink of the application writes, such as webhook_delivery_log or "
            + "audit.attempts.",
    };

    private readonly Option<string?> _actionLog = new("--action-log")
    {
        Description = "Append a JSON line for each action on a database to this file. Default: the environment variable "
            + $"{ActionLog.Variable}. Without it, an action is only printed to the standard error.",
    };

    internal Option<bool> Json { get; } = Options.Json();

    private bool HasAttempts => hasAttempts || use == StoreUse.ReadsAttempts;

    internal void AddTo(Command command)
    {
        command.Options.Add(_url);
        command.Options.Add(_tokenFile);
        _store.AddTo(command);
        if (use != StoreUse.ReadsAttempts)
        {
            command.Options.Add(_keys);
        }

        if (HasAttempts)
        {
            command.Options.Add(_attemptTable);
        }

        if (use == StoreUse.Writes)
        {
            command.Options.Add(_actionLog);
        }

        command.Options.Add(Json);
    }

    /// <summary>Returns whether the command uses a database and has no key to open its webhooks.</summary>
    internal bool LacksKeys(ParseResult arguments) => arguments.GetValue(_url) is null && arguments.GetValue(_keys) is not { Length: > 0 };

    /// <summary>Runs a command on the operations of the page or the database.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="run">The command. Returns the exit code.</param>
    /// <param name="cancellationToken">Cancels the command.</param>
    /// <exception cref="CommandException">The options are not valid, or the page or the database cannot be used.</exception>
    internal async Task<int> RunAsync(
        ParseResult arguments, Func<IWebhookOperations, Task<int>> run, CancellationToken cancellationToken)
    {
        if (arguments.GetValue(_url) is { } url)
        {
            if (_store.IsGiven(arguments) || (use != StoreUse.ReadsAttempts && arguments.GetValue(_keys) is { Length: > 0 })
                || AttemptTable(arguments) is not null)
            {
                throw new CommandException(
                    ExitCode.Usage,
                    use == StoreUse.ReadsAttempts
                        ? "Give --url of an operator page, or --store of a database with --attempt-table, not both."
                        : "Give --url of an operator page, or --store of a database with --encryption-key-file, not both.");
            }

            if (use == StoreUse.Writes && arguments.GetValue(_actionLog) is not null)
            {
                throw new CommandException(
                    ExitCode.Usage, "--action-log goes with --store: the process of an operator page logs its actions itself.");
            }

            using OperationsClient page = new(
                url, arguments.GetValue(_tokenFile) is { } file ? InputFile.Secret(file, "--token-file") : null);
            return await run(page).ConfigureAwait(false);
        }

        StoreAddress? address = _store.Read(arguments);
        string verb = arguments.CommandResult.Command.Name;
        if (address is null)
        {
            throw new CommandException(
                ExitCode.Usage,
                $"{verb} needs --url of an operator page, or a database by --store, --store-file or the environment variable "
                + $"{StoreOptions.Variable}.");
        }

        if (use == StoreUse.ReadsAttempts && AttemptTable(arguments) is null)
        {
            throw new CommandException(
                ExitCode.Usage,
                $"{verb} needs --attempt-table with a database: the outbox's tables keep no attempts, but a [SqlDeliveryLog] sink of the "
                + "application writes a table of them. Without one, give --url of an operator page.");
        }

        return arguments.GetValue(_tokenFile) is null
            ? await RunOnStoreAsync(address, arguments, run, cancellationToken).ConfigureAwait(false)
            : throw new CommandException(ExitCode.Usage, "--token-file goes with --url.");
    }

    private async Task<int> RunOnStoreAsync(
        StoreAddress address, ParseResult arguments, Func<IWebhookOperations, Task<int>> run, CancellationToken cancellationToken)
    {
        if (address.IsAbsent)
        {
            throw new CommandException(ExitCode.NotDone, $"There is no file '{address.File}'.");
        }

        SecretsAtRest? secrets = use == StoreUse.ReadsAttempts ? null : SecretsOf(arguments.GetValue(_keys) ?? []);
        ActionLog? actions = use == StoreUse.Writes ? ActionLogOf(arguments) : null;
        Store store = Store.Open(address, changes: use == StoreUse.Writes);
        await using (store.ConfigureAwait(false))
        {
            try
            {
                string prefix = _store.Prefix(arguments);
                SqlAttemptReader? attempts = AttemptTable(arguments) is { } table
                    ? CommandException.UsageOf(() => new SqlAttemptReader(store.Database, table), _attemptTable.Name)
                    : null;
                OutboxSchema schema = CommandException.UsageOf(() => new OutboxSchema(store.Database, prefix), "--table-prefix");
                if (use != StoreUse.ReadsAttempts
                    && await StoreCheck.JudgeAsync(schema, store.Name, cancellationToken).ConfigureAwait(false)
                        is { Status: "failed" } finding)
                {
                    throw new CommandException(ExitCode.NotDone, Output.Visible($"{finding.Text}. {finding.Advice}"));
                }

                ErrorLog log = new();
                OutboxOperations operations = new(store.Database, secrets, prefix, log) { AttemptTable = attempts };
                log.OnAction = () => actions?.Write(operations);
                await using (operations.ConfigureAwait(false))
                {
                    int code = await run(operations).ConfigureAwait(false);
                    return actions is { HasFailed: true } ? ExitCode.NotDone : code;
                }
            }
            catch (Exception fault) when (MigrateCommand.IsOfDatabase(fault))
            {
                throw new CommandException(ExitCode.NotDone, $"{store.Name}: {Output.Visible(fault.Message)}");
            }
            catch (ArgumentException fault)
            {
                throw new CommandException(ExitCode.Usage, Output.Visible(fault.Message));
            }
        }
    }

    private string? AttemptTable(ParseResult arguments) => HasAttempts ? arguments.GetValue(_attemptTable) : null;

    private ActionLog? ActionLogOf(ParseResult arguments) =>
        arguments.GetValue(_actionLog) is { } path ? new ActionLog(path, _actionLog.Name)
        : Environment.GetEnvironmentVariable(ActionLog.Variable) is { Length: > 0 } given ? new ActionLog(given, ActionLog.Variable)
        : null;

    private static SecretsAtRest? SecretsOf(string[] files)
    {
        EncryptionKey[] keys = [.. files.Select(KeyOf)];
        return keys.Length == 0
            ? null
            : CommandException.UsageOf(() => SecretsAtRest.EncryptedWith(keys[0], keys.AsSpan(1)), "--encryption-key-file");
    }

    private static EncryptionKey KeyOf(string text)
    {
        const string Name = "--encryption-key-file";
        int end = text.IndexOf('=', StringComparison.Ordinal);
        if (end <= 0)
        {
            throw new CommandException(ExitCode.Usage, $"{Name} takes ID=FILE, such as 2026-01=/run/secrets/outbox.key.");
        }

        byte[] content = InputFile.SecretBytes(text[(end + 1)..], Name);
        if (content.Length != EncryptionKey.SizeInBytes)
        {
            try
            {
                content = Convert.FromBase64String(System.Text.Encoding.ASCII.GetString(content).Trim());
            }
            catch (FormatException)
            {
                throw new CommandException(
                    ExitCode.Usage, $"{Name}: '{text[(end + 1)..]}' has neither {EncryptionKey.SizeInBytes} bytes nor base64.");
            }
        }

        return CommandException.UsageOf(() => new EncryptionKey(text[..end], content), Name);
    }
}
