using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Diagnostics;

/// <summary>
/// The rules. Numbers: 1 to 39 for all attributes and delivery logs, 40 to 69 for stores, 70 to 99 for platforms. A
/// rule never gets another meaning. Each rule has a page in <c>docs/diagnostics</c>.
/// </summary>
internal static class Rules
{
    /// <summary>The folder of the rules' pages.</summary>
    public const string HelpBase = "https://github.com/adcp-aot/adcp-aot/blob/main/docs/diagnostics/";

    private const string Category = "Adcp.Aot";

    public static readonly DiagnosticDescriptor NotPartial = Error(
        "ADCP001", "The attributed class must be partial", "'{0}' must be partial, because [{1}] generates the other part of the class");

    public static readonly DiagnosticDescriptor NestedOrGeneric = Error(
        "ADCP002",
        "The attributed class must be a plain top-level class",
        "'{0}' cannot be {2}: [{1}] needs a top-level class that is not generic, static, abstract or file-local");

    public static readonly DiagnosticDescriptor NotAnIdentifier = Error(
        "ADCP003", "A name is not an SQL identifier", "'{0}' is not an SQL identifier; use {1}");

    public static readonly DiagnosticDescriptor DuplicateColumn = Error(
        "ADCP004", "A column is mapped twice", "Column '{0}' is mapped twice; remove one mapping or give it another name");

    public static readonly DiagnosticDescriptor UnknownColumn = Error(
        "ADCP005", "A column is not mapped", "{0} names '{1}', which is not a column of the log. Did you mean '{2}'? The columns are {3}.");

    public static readonly DiagnosticDescriptor WrongMember = Error(
        "ADCP006",
        "The method of a computed column is missing or has the wrong signature",
        "Column '{0}' needs a method '{1}' in this class. It takes one DeliveryAttempt and returns {2}.");

    public static readonly DiagnosticDescriptor UnsupportedDialect = Error(
        "ADCP007", "The SQL dialect is not supported", "{0} is not an SqlDialect; use Any, Sqlite, PostgreSql or MySql");

    public static readonly DiagnosticDescriptor OptionDoesNotFit = Error(
        "ADCP008", "An option does not fit its column", "Column '{0}': {1}");

    public static readonly DiagnosticDescriptor UnknownField = Error(
        "ADCP009", "The field does not exist", "{0} is not an AttemptField; use a member of that enum");

    public static readonly DiagnosticDescriptor NoColumns = Error(
        "ADCP010", "The log has no columns", "'{0}' keeps no field and no computed column; map at least one");

    public static readonly DiagnosticDescriptor ReaderNeedsFields = Warning(
        "ADCP011",
        "The log cannot be read as webhook activity",
        "'{0}' names a principal, but no reader is generated: the log leaves out, hides or shortens {1}. "
            + "Keep these fields whole, or remove Principal.");

    public static readonly DiagnosticDescriptor NotASink = Error(
        "ADCP012", "A part of a fan-out is not a sink", "'{0}' does not implement IDeliveryLogSink; implement it or remove the part");

    public static readonly DiagnosticDescriptor NameTaken = Error(
        "ADCP013", "The name of a generated member is taken", "{0} has the name of a member that [{1}] generates; choose another name");

    public static readonly DiagnosticDescriptor NoConstructor = Error(
        "ADCP014", "The class leaves no room for the generated constructor", "[{1}] cannot add a constructor to '{0}', because {2}");

    public static readonly DiagnosticDescriptor OldLanguage = Error(
        "ADCP015",
        "The C# version is too old",
        "[{1}] on '{0}' needs C# 12 or later, and the project uses C# {2}; raise LangVersion or remove it from the project file");

    public static readonly DiagnosticDescriptor TwoGenerators = Error(
        "ADCP016",
        "Two attributes generate the same members",
        "'{0}' has [{1}], and {2} has [{3}]; make two classes, neither derived from the other");

    public static readonly DiagnosticDescriptor Inaccessible = Error(
        "ADCP017", "Generated code cannot use a type", "[{1}] on '{0}' cannot use '{2}', because {3}");

    public static readonly DiagnosticDescriptor MissingContract = Error(
        "ADCP040",
        "A task store has no JsonTypeInfo",
        "'{0}' needs a static property or field of type JsonTypeInfo<{1}>; return the property of your JsonSerializerContext");

    public static readonly DiagnosticDescriptor MissingFacts = Error(
        "ADCP041", "A task store has no method for TaskFacts", "'{0}' needs a static method that takes a {1} and returns its TaskFacts");

    public static readonly DiagnosticDescriptor AmbiguousStoreMember = Error(
        "ADCP042",
        "Two members of a store have the same purpose",
        "'{0}' has '{1}' and '{2}', and the store needs exactly one of them; move the other to another class");

    public static readonly DiagnosticDescriptor WrongStoreMember = Error(
        "ADCP043",
        "The method of a computed column is missing or has the wrong signature",
        "Column '{0}' needs a method '{1}' in this class. It takes a {2}, or a StoreScope and a {2}. "
            + "It returns a string, a number, a bool, a Guid or a date and time.");

    public static readonly DiagnosticDescriptor NotATaskStore = Error(
        "ADCP044", "The task store of push configurations is missing", "'{0}' has no [TaskStore]; name the class that stores the tasks");

    public static readonly DiagnosticDescriptor OtherDialect = Error(
        "ADCP045",
        "Push configurations and tasks use different databases",
        "'{0}' is for {1} and '{2}' is for {3}; both are in one database, so give them the same Dialect");

    public static readonly DiagnosticDescriptor TwoStores = Error(
        "ADCP046", "A class is two stores", "'{0}' has [TaskStore] and [PushNotificationConfigStore]; make two classes");

    public static readonly DiagnosticDescriptor NotAJsonContext = Error(
        "ADCP070", "A platform has no JSON context", "[AdcpPlatform] of '{0}' must name a class that derives from JsonSerializerContext");

    public static readonly DiagnosticDescriptor NotAToolName = Error(
        "ADCP071",
        "The name of a tool is invalid",
        "'{0}' is not a tool name; use 1 to 64 characters of a-z, 0-9 and _, the first of them a letter");

    public static readonly DiagnosticDescriptor DuplicateTool = Error(
        "ADCP072", "Two methods have the same tool name", "The tool '{0}' has two methods; remove one or rename its tool");

    public static readonly DiagnosticDescriptor WrongToolShape = Error(
        "ADCP073",
        "The method of a tool has the wrong signature",
        "'{0}' must not be generic. It takes its arguments, a ToolCall and a CancellationToken at most once each, "
            + "and returns ValueTask<T> or Task<T>.");

    public static readonly DiagnosticDescriptor NoTools = Error(
        "ADCP074", "A platform has no tools", "'{0}' has no method with [AdcpTool]; add one");

    public static readonly DiagnosticDescriptor NoJsonContract = Error(
        "ADCP075",
        "The JSON context does not know a type of a tool",
        "The tool '{0}' uses '{1}', which '{2}' does not know; add [JsonSerializable(typeof({1}))] to '{2}'");

    public static readonly DiagnosticDescriptor ToolOutsidePlatform = Error(
        "ADCP076",
        "A tool is outside a platform",
        "'{0}' has [AdcpTool], but '{1}' has no [AdcpPlatform], so no buyer can call it; "
            + "move the method or add [AdcpPlatform] to the class");

    public static readonly DiagnosticDescriptor NearToolName = Warning(
        "ADCP077",
        "The name of a tool is almost a name of AdCP",
        "'{0}' is not a tool of AdCP, but '{1}' is; correct the name, or suppress this warning if it is a tool of your own");

    private static DiagnosticDescriptor Error(string id, string title, string message) => Of(id, title, message, DiagnosticSeverity.Error);

    private static DiagnosticDescriptor Warning(string id, string title, string message) =>
        Of(id, title, message, DiagnosticSeverity.Warning);

    private static DiagnosticDescriptor Of(string id, string title, string message, DiagnosticSeverity severity) =>
        new(id, title, message, Category, severity, isEnabledByDefault: true, helpLinkUri: HelpBase + id + ".md");
}
