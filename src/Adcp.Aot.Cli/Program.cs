using System.CommandLine;
using System.CommandLine.Parsing;

namespace Adcp.Aot.Cli;

/// <summary>The <c>adcp-webhooks</c> command.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        RootCommand root = new("Makes keys, sends, receives and checks signed AdCP webhooks, and operates their delivery. "
            + "Exit codes: 0 done, 1 not delivered or not verified, 2 usage, 3 refused by policy.")
        {
            KeygenCommand.Create(),
            SendCommand.Create(),
            ListenCommand.Create(),
            ReplayCommand.Create(),
            VerifyVectorCommand.Create(),
            CanonicalizeCommand.Create(),
            JcsCommand.Create(),
            HmacCommand.Create(),
            MigrateCommand.Create(),
            DoctorCommand.Create(),
        };
        foreach (Command command in OperatorCommands.Create())
        {
            root.Subcommands.Add(command);
        }

        // Here a value that begins with @ names a file; the parser's response files would consume it.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            foreach (ParseError error in parsed.Errors)
            {
                Console.Error.WriteLine(error.Message);
            }

            return ExitCode.Usage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
        }
        catch (CommandException fault)
        {
            Console.Error.WriteLine(fault.Message);
            return fault.ExitCode;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Cancelled.");
            return ExitCode.NotDone;
        }
    }
}
